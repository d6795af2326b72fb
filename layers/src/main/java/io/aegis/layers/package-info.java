package io.aegis.layers;
