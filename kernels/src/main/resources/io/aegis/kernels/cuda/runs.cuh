// runs.cuh: several dense arrays of float32 in one launch, so that many small ones cost no launch each. Runs.java has the same numbers.
//
// Blocks   a run of `count` elements takes blocks begin, begin + 1, ...; each has `chunk` of its elements, a multiple of STRIDE
// Threads  256 a block; four neighbours a thread at a time, STRIDE a block
#pragma once
#include "common.cuh"

enum { THREADS = 256, RUNS = 64, STRIDE = 4 * THREADS };

// Which of n runs a block serves: the last that begins at it or before.
template <class Run> DEVICE u32 run_of(const Run (&runs)[RUNS], u32 n, u32 block) {
    u32 low = 0, high = n;
    while (high - low > 1) {
        u32 middle = (low + high) / 2;
        if (runs[middle].begin <= block) low = middle;
        else high = middle;
    }
    return low;
}
// Whether four neighbours lie side by side at a multiple of their size; null counts as yes.
DEVICE bool is_wide(const void* p) { return ((u64)p & 15) == 0; }
// Elements at, at + 1, ... below `end`; the others are 0, and all of them where there is no array.
DEVICE void load_below(float (&x)[4], const float* p, u32 at, u32 end, bool wide) {
    if (p != nullptr && wide && at + 4 <= end) return load4(x, p + at);
#pragma unroll
    for (int k = 0; k < 4; k++) x[k] = p != nullptr && at + k < end ? p[at + k] : 0.f;
}
DEVICE void store_below(const float (&x)[4], float* p, u32 at, u32 end, bool wide) {
    if (wide && at + 4 <= end) return store4(x, p + at);
#pragma unroll
    for (int k = 0; k < 4; k++) {
        if (at + k < end) p[at + k] = x[k];
    }
}
