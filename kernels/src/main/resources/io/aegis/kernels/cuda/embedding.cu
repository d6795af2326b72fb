// embedding.cu: y[i] = table[ids[i]], widened to float32.
//
// Shapes   table [V, D] float32, bf16 or f16, ids i64 [n], y [n, D] float32; any strides. An id that no row has gives NaN.
//          lookup_quantized: the table of 8 or 4 bits as QuantizedWeight has it, y dense
// Tiles    256 threads a block, a step of four elements (or one) a thread: 8 or 16 bytes are read, 16 written
// Shared   none   Barriers none
#include "common.cuh"

enum { THREADS = 256 };
// Dtypes of the table.
enum { FLOAT, BFLOAT16, HALF };

// The outermost dimension of the space is i, along which the table stands still.
struct Lookup {
    Space space;
    Operand o[2]; // table, y
    const i64* ids;
    i64 ids_step;
    i64 rows, row_step; // of the table
    i32 dtype, unused;
};
template <class T, int V> DEVICE void lookup_step(const Lookup& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u64 at[2];
    u32 i = locate(a.space, a.o, n, at);
    i64 row = a.ids[i * a.ids_step];
    float x[V];
#pragma unroll
    for (int k = 0; k < V; k++) x[k] = as_float(0x7fc00000u);
    const T* p = (const T*)a.o[0].data + at[0] + row * a.row_step;
    float* y = (float*)a.o[1].data + at[1];
    bool exists = (u64)row < (u64)a.rows;
    if constexpr (V == 4) {
        if (exists) load4(x, p);
        store4(x, y);
    } else {
        *y = exists ? to_float(*p) : x[0];
    }
}
template <class T> DEVICE void lookup_rows(const Lookup& a) {
    if (a.space.width == 4) lookup_step<T, 4>(a);
    else lookup_step<T, 1>(a);
}
KERNEL(THREADS, 4, lookup, Lookup) {
    switch (a.dtype) {
        case FLOAT: lookup_rows<float>(a); break;
        case BFLOAT16: lookup_rows<bf16>(a); break;
        default: lookup_rows<f16>(a); break;
    }
}

// Rows of a quantised table: y[i, k] = scales[row, k / group] q[row, k], the product rounded once.
struct Quantized {
    const u8* codes;
    const float* scales;
    const i64* ids;
    float* y;
    i64 ids_step, rows, codes_row; // of the table, in bytes
    i32 count, quarter, group_shift, packed; // quarter: K / 4; four weights a thread
};
KERNEL(THREADS, 4, lookup_quantized, Quantized) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= (u32)a.count) return;
    u32 i = n / a.quarter, k = n % a.quarter * 4;
    i64 row = a.ids[i * a.ids_step];
    float x[4];
#pragma unroll
    for (int e = 0; e < 4; e++) x[e] = as_float(0x7fc00000u);
    if ((u64)row < (u64)a.rows) {
        float scale = a.scales[row * (a.quarter * 4 >> a.group_shift) + (k >> a.group_shift)];
        const u8* codes = a.codes + row * a.codes_row;
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int q = a.packed ? (codes[(k + e) / 2] >> (e & 1) * 4 & 15) - 8 : (int)(i8)codes[k + e];
            x[e] = scale * (float)q;
        }
    }
    store4(x, a.y + (u64)n * 4);
}
