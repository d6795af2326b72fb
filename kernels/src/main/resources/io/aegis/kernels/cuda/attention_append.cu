// attention_append.cu: one more key and value of each sequence, into the page where attention_decode.cu looks for its last.
//
// Shapes   k, v [B, Hkv, d] float32; pages [P, Hkv, T, d] float32, bf16 or f16 (rounded to nearest even), T a power of two; table
//          i64 [B, L], lengths i64 [B], from 1 on: the new key is at place (lengths[b] - 1) % T of page table[b, (lengths[b] - 1) / T]
// Maths    pages[table[b, (lengths[b] - 1) / T], h, (lengths[b] - 1) % T] = k[b, h], of v alike
// Tiles    256 elements of a sequence a block, one a thread; blocks along y are sequences, along z keys and values
// Shared   none   Barriers none
// Where it is put is read from the device's memory, so that a recorded launch goes on with the sequence.
#include "common.cuh"

enum { THREADS = 256 };
// Dtypes of the pages.
enum { FLOAT, BFLOAT16, HALF };

struct Rows {
    const float* data;
    i64 batch, head;
};
struct Pages {
    u8* data;
    i64 page, head, row;
};
struct Append {
    Rows from[2];
    Pages to[2];
    const i64 *table, *lengths;
    i64 table_row;
    i32 heads, d, page_shift, dtype;
};

KERNEL(THREADS, 4, attention_append, Append) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= (u32)(a.heads * a.d)) return;
    int b = (int)blockIdx.y, head = (int)n / a.d, column = (int)n % a.d;
    i64 last = a.lengths[b] - 1;
    if (last < 0) return;
    i64 page = a.table[b * a.table_row + (last >> a.page_shift)], place = last & ((1 << a.page_shift) - 1);
    const Rows& from = a.from[blockIdx.z];
    const Pages& to = a.to[blockIdx.z];
    float x = from.data[b * from.batch + head * from.head + column];
    i64 at = page * to.page + head * to.head + place * to.row + column;
    switch (a.dtype) {
        case FLOAT: ((float*)to.data)[at] = x; break;
        case BFLOAT16: from_float(x, ((bf16*)to.data)[at]); break;
        default: from_float(x, ((f16*)to.data)[at]); break;
    }
}
