// rotary_append.cu: a token of each sequence on its way from its projections into attention_decode.cu: q and k are turned as by
// rotary.cu, and k and v put into the pages as by attention_append.cu, bit for bit, in one launch.
//
// Shapes   q, turned [B, Hq, D], k, v [B, Hkv, D] float32, cos, sin [B, D / 2] float32, rows dense; pages [P, Hkv, T, D], table [B, L] and
//          lengths [B] as in attention_append.cu
// Work     blocks along y are sequences; a thread has EACH pairs (j, j + D / 2) of one head, of q's first, then of k's, then of v's, which
//          are not turned: 4 where rows consist of words of 16 bytes, else 1. 256 threads a block
// Shared   none   Barriers none
#include "programmatic.cuh"
#include "rotary.cuh"

enum { THREADS = 256 };
// Dtypes of the pages.
enum { FLOAT, BFLOAT16, HALF };

struct Heads {
    float* data;
    i64 batch, head;
};
struct Pages {
    u8* data;
    i64 page, head, row;
};
struct Angles {
    const float* data;
    i64 batch;
};
struct Args {
    Heads q, turned, k, v;
    Pages keys, values;
    Angles cos, sin;
    const i64 *table, *lengths;
    i64 table_row;
    Divisor groups;  // of EACH pairs in a head
    i32 query_heads, key_heads, half, page_shift, dtype, wide;
};

template <int EACH> DEVICE void load(float (&x)[EACH], const float* from) {
    if constexpr (EACH == 4) {
        load4(x, from);
    } else {
        x[0] = *from;
    }
}
template <int EACH, class T> DEVICE void store(const float (&x)[EACH], T* to) {
    if constexpr (EACH == 4) {
        store4(x, to);
    } else {
        from_float(x[0], *to);
    }
}

template <int EACH> DEVICE void rotated(const Args& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x, row = quotient(n, a.groups);
    int b = (int)blockIdx.y, head = (int)row, column = (int)(n - row * a.groups.by) * EACH;
    if (head >= a.query_heads + 2 * a.key_heads) return;
    const bool query = head < a.query_heads, value = head >= a.query_heads + a.key_heads;
    if (!query) head -= a.query_heads;
    if (value) head -= a.key_heads;

    const Heads& from = query ? a.q : value ? a.v : a.k;
    const float* x = from.data + b * from.batch + head * from.head + column;
    float left[EACH], right[EACH];
    load(left, x);
    load(right, x + a.half);
    if (!value) {
        float cos[EACH], sin[EACH];
        load(cos, a.cos.data + b * a.cos.batch + column);
        load(sin, a.sin.data + b * a.sin.batch + column);
#pragma unroll
        for (int i = 0; i < EACH; i++) turn(left[i], right[i], cos[i], sin[i]);
    }
    if (query) {
        float* y = a.turned.data + b * a.turned.batch + head * a.turned.head + column;
        store(left, y);
        store(right, y + a.half);
        return;
    }
    i64 last = a.lengths[b] - 1;
    if (last < 0) return;
    i64 page = a.table[b * a.table_row + (last >> a.page_shift)], place = last & ((1 << a.page_shift) - 1);
    const Pages& to = value ? a.values : a.keys;
    i64 at = page * to.page + head * to.head + place * to.row + column;
    switch (a.dtype) {
        case FLOAT: store(left, (float*)to.data + at), store(right, (float*)to.data + at + a.half); break;
        case BFLOAT16: store(left, (bf16*)to.data + at), store(right, (bf16*)to.data + at + a.half); break;
        default: store(left, (f16*)to.data + at), store(right, (f16*)to.data + at + a.half); break;
    }
}

KERNEL(THREADS, 4, rotate_append, Args) {
    wait_for_previous();
    if (a.wide) {
        rotated<4>(a);
    } else {
        rotated<1>(a);
    }
}
