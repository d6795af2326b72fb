/**
 * Machine code for x86-64, written by the engine as it runs: for the few loops that want instructions the Vector API has no
 * word for (prefetching, widening loads, twelve sums in sixteen registers). Knows no tensor and no kernel family.
 */
package io.aegis.kernels.cpu.x86;
