package io.aegis.image;
