// rows.cuh: float rows anywhere, and words of 4 floats or of 1, for kernels that are written once for both.
#pragma once
#include "common.cuh"

// Row r begins at data + (r / within) outer + (r % within) inner; its elements lie `step` apart.
struct Rows {
    float* data;
    i64 outer, inner, step;
    Divisor within;
};
DEVICE float* row_of(const Rows& m, int r) {
    u32 o = quotient((u32)r, m.within);
    return m.data + o * m.outer + ((u32)r - o * m.within.by) * m.inner;
}

template <int N> DEVICE void read(float (&v)[N], const float* p) {
    if constexpr (N == 4) {
        Word4 w = load16(p);
        v[0] = as_float(w.x), v[1] = as_float(w.y), v[2] = as_float(w.z), v[3] = as_float(w.w);
    } else {
        v[0] = *p;
    }
}
template <int N> DEVICE void write(float* p, const float (&v)[N]) {
    if constexpr (N == 4) {
        store16(p, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
    } else {
        *p = v[0];
    }
}
