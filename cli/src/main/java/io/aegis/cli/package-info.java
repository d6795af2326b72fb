package io.aegis.cli;
