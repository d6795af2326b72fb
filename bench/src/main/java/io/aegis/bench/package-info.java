/** Benchmarks. */
package io.aegis.bench;
