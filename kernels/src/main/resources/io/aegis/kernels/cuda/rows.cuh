// rows.cuh: rows of numbers anywhere, and words of 4 floats, of 8 numbers of 16 bits or of one number, for kernels that are written once
// for all of them.
#pragma once
#include "common.cuh"

// Row r begins at data + (r / within) outer + (r % within) inner; its elements lie `step` apart.
template <class E> struct RowsOf {
    E* data;
    i64 outer, inner, step;
    Divisor within;
};
typedef RowsOf<float> Rows;
template <class E> DEVICE E* row_of(const RowsOf<E>& m, int r) {
    u32 o = quotient((u32)r, m.within);
    return m.data + o * m.outer + ((u32)r - o * m.within.by) * m.inner;
}

template <int N> DEVICE void read(float (&v)[N], const float* p) {
    if constexpr (N == 1) {
        v[0] = *p;
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 4) {
            Word4 w = load16(p + i);
            v[i] = as_float(w.x), v[i + 1] = as_float(w.y), v[i + 2] = as_float(w.z), v[i + 3] = as_float(w.w);
        }
    }
}
template <int N> DEVICE void write(float* p, const float (&v)[N]) {
    if constexpr (N == 1) {
        *p = v[0];
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 4) store16(p + i, Word4{as_bits(v[i]), as_bits(v[i + 1]), as_bits(v[i + 2]), as_bits(v[i + 3])});
    }
}
// N is 8 or 1.
template <int N, class Half> DEVICE void read(float (&v)[N], const Half* p) {
    if constexpr (N == 1) {
        v[0] = to_float(*p);
    } else {
        Word4 w = load16(p);
        u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
        for (int i = 0; i < N; i++) v[i] = to_float(Half{(u16)(words[i / 2] >> i % 2 * 16)});
    }
}
template <int N, class Half> DEVICE void write(Half* p, const float (&v)[N]) {
    if constexpr (N == 1) {
        from_float(v[0], *p);
    } else {
        store16(p, Word4{pack(v[0], v[1], Half()), pack(v[2], v[3], Half()), pack(v[4], v[5], Half()), pack(v[6], v[7], Half())});
    }
}
