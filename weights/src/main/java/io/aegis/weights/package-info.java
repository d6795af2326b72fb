package io.aegis.weights;
