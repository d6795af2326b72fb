package io.aegis.training;
