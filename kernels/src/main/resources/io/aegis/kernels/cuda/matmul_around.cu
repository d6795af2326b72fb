// matmul_around.cu: what goes before a product and behind it.
//
//   dense      y [batch, rows, leading] = x [batch, rows, columns], rounded or widened; zero from `columns` on.
//              x has any strides; y is dense with a leading size that is a multiple of 8. Eight elements of a row a thread.
//   sum_parts  c = act(sum over parts + bias), or c += that sum. parts [parts, batch, M, leading] float32, a multiple of 4
//              as leading size; added in their order, so the result does not depend on who was first. No parts: a sum of 0.
//              Four elements of a row a thread.
//
// Shapes   x, y of float32, bf16 or f16; c as Output says
// Tiles    256 threads a block   Shared none   Barriers none
#include "product.cuh"

enum { THREADS = 256, EIGHT = 8 };

struct Dense {
    const u8* x;
    u8* y;
    i64 rows, columns, batches;
    i64 inner;                                // size of the inner of two batch dimensions
    i64 x_row, x_column, x_inner, x_outer;
    i32 x_type, y_type;
    i32 aligned;  // eight elements of x lie side by side, on a multiple of 16 bytes
    i32 unused;
    Divisor eights, lines;  // of a row; rows
};

// n / d.by: a division of 64 bits is a hundred instructions, and what is here would otherwise take none of a multiprocessor's time.
DEVICE i64 divide(i64 n, const Divisor& d) { return n >> 31 ? n / d.by : (i64)quotient((u32)n, d); }

DEVICE float element(const u8* x, i32 type, i64 at) {
    if (type == OF_F32) return ((const float*)x)[at];
    return type == OF_F16 ? to_float(((const f16*)x)[at]) : to_float(((const bf16*)x)[at]);
}

DEVICE void read8(const Dense& a, i64 at, int count, float (&v)[EIGHT]) {
    if (!a.aligned || count < EIGHT) {
#pragma unroll
        for (int i = 0; i < EIGHT; i++) v[i] = i < count ? element(a.x, a.x_type, at + i * a.x_column) : 0.f;
    } else if (a.x_type == OF_F32) {
        const float* x = (const float*)a.x + at;
        Word4 p = load16_once(x), q = load16_once(x + 4);
        v[0] = as_float(p.x), v[1] = as_float(p.y), v[2] = as_float(p.z), v[3] = as_float(p.w);
        v[4] = as_float(q.x), v[5] = as_float(q.y), v[6] = as_float(q.z), v[7] = as_float(q.w);
    } else {
        Word4 p = load16_once((const u16*)a.x + at);
        u32 words[4] = {p.x, p.y, p.z, p.w};
#pragma unroll
        for (int i = 0; i < EIGHT; i++) {
            u16 bits = (u16)(words[i / 2] >> i % 2 * 16);
            v[i] = a.x_type == OF_F16 ? to_float(f16{bits}) : to_float(bf16{bits});
        }
    }
}

KERNEL(THREADS, 4, dense, Dense) {
    i64 i = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (i >= a.batches * a.rows * a.eights.by) return;
    i64 line = divide(i, a.eights), column = (i - line * a.eights.by) * EIGHT;
    i64 batch = divide(line, a.lines), row = line - batch * a.rows;
    i64 outer = a.batches == 1 ? 0 : batch / a.inner, inner = batch - outer * a.inner;
    float v[EIGHT];
    i64 left = a.columns - column;
    read8(a, inner * a.x_inner + outer * a.x_outer + row * a.x_row + column * a.x_column,
          (int)least(left, (i64)EIGHT), v);
    if (a.y_type == OF_F32) {
        float* y = (float*)a.y + i * EIGHT;
        store16(y, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
        store16(y + 4, Word4{as_bits(v[4]), as_bits(v[5]), as_bits(v[6]), as_bits(v[7])});
    } else {
        u32 w[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            float low = v[2 * j], high = v[2 * j + 1];
            w[j] = a.y_type == OF_F16 ? pack(low, high, f16{}) : pack(low, high, bf16{});
        }
        store16((u16*)a.y + i * EIGHT, Word4{w[0], w[1], w[2], w[3]});
    }
}

struct SumParts {
    const float* x;
    i64 part;  // elements of one
    Output c;
    i64 m, n, batches;
    i64 inner, c_inner, c_outer;
    i32 parts;
    i32 unused;
    Divisor fours, lines;  // of a row; rows
};

KERNEL(THREADS, 4, sum_parts, SumParts) {
    i64 i = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (i >= a.batches * a.m * a.fours.by) return;
    i64 line = divide(i, a.fours), n = (i - line * a.fours.by) * 4;
    i64 batch = divide(line, a.lines), m = line - batch * a.m;
    i64 outer = a.batches == 1 ? 0 : batch / a.inner, inner = batch - outer * a.inner;
    float v[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll 4
    for (int p = 0; p < a.parts; p++) {
        Word4 w = load16_once(a.x + p * a.part + i * 4);
        v[0] += as_float(w.x), v[1] += as_float(w.y), v[2] += as_float(w.z), v[3] += as_float(w.w);
    }
    i64 left = a.n - n;
    finish4(a.c, inner * a.c_inner + outer * a.c_outer, m, n, (int)least(left, (i64)4), v);
}
