package io.aegis.tensor;
