// product.cuh: where the elements of a matrix product go, and what happens to them on the way: c = act(x + bias), or that plus or
// times an element of another matrix; c += x is that sum with c itself.
#pragma once
#include "activations.cuh"

enum { OF_F32, OF_F16, OF_BF16 };
enum { ALONE, PLUS, TIMES };

// A matrix of any strides, in elements; Product.java packs it.
struct Output {
    u8* data;
    const float* bias;  // one a column, or null
    const u8* other;    // with the strides of c, and perhaps c; or null
    i64 row, column;
    i32 type;  // OF_...
    i32 activation;
    i32 merge;  // ALONE, or how an element of the other matrix comes in
    i32 other_type;
    i32 aligned;  // of both matrices four neighbours of a row, the first a multiple of 4, are read and written at once
    i32 unused;
};

DEVICE float read_element(const u8* data, i32 type, i64 at) {
    if (type == OF_F32) return ((const float*)data)[at];
    if (type == OF_F16) return to_float(((const f16*)data)[at]);
    return to_float(((const bf16*)data)[at]);
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

DEVICE float merged(i32 merge, float x, float other) { return merge == PLUS ? x + other : x * other; }

// One element; `batch` is what lies before the matrix.
DEVICE void finish(const Output& c, i64 batch, i64 m, i64 n, float x) {
    i64 at = batch + m * c.row + n * c.column;
    if (c.bias) x += c.bias[n];
    x = activate(c.activation, x);
    if (c.merge != ALONE) x = merged(c.merge, x, read_element(c.other, c.other_type, at));
    write_element(c, at, x);
}

// Four neighbours of the other matrix.
DEVICE void read4(const Output& c, i64 at, float (&v)[4]) {
    if (c.other_type == OF_F32) {
        Word4 w = load16((const float*)c.other + at);
        v[0] = as_float(w.x), v[1] = as_float(w.y), v[2] = as_float(w.z), v[3] = as_float(w.w);
    } else {
        u64 w = *(const u64*)((const u16*)c.other + at);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            u16 bits = (u16)(w >> 16 * i);
            v[i] = c.other_type == OF_F16 ? to_float(f16{bits}) : to_float(bf16{bits});
        }
    }
}

// What comes before the other matrix, for the four columns from n on, of which `count` (any number) exist.
DEVICE void add_bias4(const Output& c, i64 n, int count, float (&v)[4]) {
    if (!c.bias) return;
#pragma unroll
    for (int i = 0; i < 4; i++) v[i] += i < count ? c.bias[n + i] : 0.f;
}

// The rest: the other matrix, and into memory.
DEVICE void deliver4(const Output& c, i64 batch, i64 m, i64 n, int count, float (&v)[4]) {
    if (count <= 0) return;
    i64 at = batch + m * c.row + n * c.column;
    bool whole = c.aligned && count >= 4;
    if (c.merge != ALONE) {
        float w[4] = {0.f, 0.f, 0.f, 0.f};
        if (whole) {
            read4(c, at, w);
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                if (i < count) w[i] = read_element(c.other, c.other_type, at + i * c.column);
            }
        }
#pragma unroll
        for (int i = 0; i < 4; i++) v[i] = merged(c.merge, v[i], w[i]);
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

// As finish, for those four.
DEVICE void finish4(const Output& c, i64 batch, i64 m, i64 n, int count, float (&v)[4]) {
    add_bias4(c, n, count, v);
    activate_all(c.activation, v);
    deliver4(c, batch, m, n, count, v);
}
