// product.cuh: where the elements of a matrix product go, and what happens to them on the way: c = act(x + bias), or c += x.
#pragma once
#include "common.cuh"

enum { OF_F32, OF_F16, OF_BF16 };

// A matrix of any strides, in elements; CudaMatmul packs it.
struct Output {
    u8* data;
    const float* bias;  // one a column, or null
    i64 row, column;
    i32 type;  // OF_...
    i32 activation;
    i32 accumulate;
    i32 aligned;  // four neighbours of a row, the first a multiple of 4, are read and written at once
};

DEVICE float read_element(const Output& c, i64 at) {
    if (c.type == OF_F32) return ((const float*)c.data)[at];
    if (c.type == OF_F16) return to_float(((const f16*)c.data)[at]);
    return to_float(((const bf16*)c.data)[at]);
}
DEVICE void write_element(const Output& c, i64 at, float x) {
    if (c.type == OF_F32) {
        ((float*)c.data)[at] = x;
    } else if (c.type == OF_F16) {
        from_float(x, ((f16*)c.data)[at]);
    } else {
        from_float(x, ((bf16*)c.data)[at]);
    }
}

// One element; `batch` is what lies before the matrix.
DEVICE void finish(const Output& c, i64 batch, i64 m, i64 n, float x) {
    i64 at = batch + m * c.row + n * c.column;
    if (c.accumulate) {
        x += read_element(c, at);
    } else {
        if (c.bias) x += c.bias[n];
        x = activate(c.activation, x);
    }
    write_element(c, at, x);
}

// The same for the four columns from n on, of which `count` (any number) exist.
DEVICE void finish4(const Output& c, i64 batch, i64 m, i64 n, int count, float (&v)[4]) {
    if (count <= 0) return;
    i64 at = batch + m * c.row + n * c.column;
    bool whole = c.aligned && count >= 4;
    if (!c.accumulate) {
        if (c.bias) {
#pragma unroll
            for (int i = 0; i < 4; i++) v[i] += i < count ? c.bias[n + i] : 0.f;
        }
        if (c.activation != NONE) {
            // Round and round, so that the code of all activations is there once.
#pragma unroll 1
            for (int i = 0; i < 4; i++) {
                float y = activate(c.activation, v[0]);
                v[0] = v[1], v[1] = v[2], v[2] = v[3], v[3] = y;
            }
        }
    } else if (!whole) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (i < count) v[i] += read_element(c, at + i * c.column);
        }
    } else if (c.type == OF_F32) {
        Word4 w = load16((const float*)c.data + at);
        v[0] += as_float(w.x), v[1] += as_float(w.y), v[2] += as_float(w.z), v[3] += as_float(w.w);
    } else {
        u64 w = *(const u64*)((const u16*)c.data + at);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            u16 bits = (u16)(w >> 16 * i);
            v[i] += c.type == OF_F16 ? to_float(f16{bits}) : to_float(bf16{bits});
        }
    }
    if (!whole) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (i < count) write_element(c, at + i * c.column, v[i]);
        }
    } else if (c.type == OF_F32) {
        store16((float*)c.data + at, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
    } else {
        bool half = c.type == OF_F16;
        u32 low = half ? pack(v[0], v[1], f16{}) : pack(v[0], v[1], bf16{});
        u32 high = half ? pack(v[2], v[3], f16{}) : pack(v[2], v[3], bf16{});
        *(u64*)((u16*)c.data + at) = low | (u64)high << 32;
    }
}
