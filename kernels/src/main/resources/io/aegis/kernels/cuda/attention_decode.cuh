// attention_decode.cuh: what kernels of few queries over a long cache have in common: arguments, the keys of a block, and the
// sum of the splits. For attention_decode.cu and attention_decode_matrix.cu, which say what TYPE, DIM, ROWS and PAGED are.
//
// A cache is split by its length alone, so that the bits of a query depend on its own keys and on their number:
//
//     keys of the cache, up to      1024   4096   16384   65536   more
//     keys of a split                 64    128     256     512   1024
//
// so splits and their keys both double when the cache is four times as long. Of 16 bits and four rows a split reads 4 d bytes a key
// and leaves 16 d: the sum writes and reads 4 / keys of it, in the second-level cache. Blocks of 8 key heads, d = 128:
//
//     M        splits   KB a block   blocks of batch 1, 2, 8   left / read
//     512           8           32          64   128    512      6 %
//     1522         12           64          96   192    768      3 %
//     8192         32          128         256   512   2048      1.6 %
//     32768        64          256         512  1024   4096      0.8 %
//
// 264 to 396 blocks are resident on 132 multiprocessors. Blocks that all are take the memory's time whether some multiprocessor has
// one of them more or not, as it is what they have under way that they share it by; so a few large blocks are no worse than many,
// and the end (a fence, a counter, the sum) comes once a block. 64 keys are one tile a warp, for caches that are read in a microsecond.
//
// Every split leaves (m, l, O) of its rows; the block that comes last of those of a key head and ROWS rows adds them in order,
// whoever it is, and sets the counter back to zero, so that a launch that was recorded finds it so. A split that sees nothing
// adds exact zeros. Where there is one split its block writes the result, with the same bits.
#pragma once
#include "attention_any.cuh"

#ifndef INFINITE
#define INFINITE as_float(0x7f800000u)
#endif

struct Heads {
    u8* data;
    i64 batch, head, row;
};

struct Args {
    AnyHeads q;
    Heads k, v;
    AnyHeads out;
    float* lse;  // or null
    i64 lse_batch, lse_head, lse_row;
    const u8* keys;  // [B, M], 0: nobody sees it; or null
    i64 keys_batch, keys_key;
    float *sums, *parts;  // [query, splits, (m, l)], [query, splits, DIM]; query: ((b Hkv + h) group + g) N + i
    u32* tickets;         // [B, Hkv, groups of ROWS queries], zeros between launches
    i32 heads, group, n, m, d, causal, splits, split;  // heads of keys; keys of a split
    float scale;
#ifdef PAGED
    i32 page_shift;  // T = 2^this
    const i64 *table, *lengths;
    i64 table_row;
#endif
};

#ifdef PAGED
// Keys of a split of a sequence of m; as DecodeAttention.split.
DEVICE int split_of(int m) { return m <= 1024 ? 64 : m <= 4096 ? 128 : m <= 16384 ? 256 : m <= 65536 ? 512 : 1024; }
#endif

// What a block is about. Query row r is query i of head g of the group: r = g N + i.
struct Part {
    int b, h, group, first_row, rows;  // group: which ROWS queries
    int length, splits, split;         // of the sequence's keys; its splits; this one
    int begin, end;                    // its keys
    i64 first;                         // elements of K and V are counted from this batch on; in pages from the first
};

// Of a block. False: the sequence has no such split.
DEVICE bool find_part(Part& p, const Args& a, u32 block) {
    int groups = (a.group * a.n + ROWS - 1) / ROWS, at = (int)block;
    p.group = at % groups, at /= groups;
    p.split = at % a.splits, at /= a.splits;
    p.h = at % a.heads, p.b = at / a.heads;
    p.first_row = p.group * ROWS;
    p.rows = min((int)ROWS, a.group * a.n - p.first_row);
#ifdef PAGED
    p.length = (int)a.lengths[p.b];
    int each = split_of(p.length);
    p.splits = max(1, (p.length + each - 1) / each);
    p.first = 0;  // the page comes with each key
#else
    p.length = a.m;
    int each = a.split;
    p.splits = a.splits;
    p.first = p.b;
#endif
    p.begin = p.split * each;
    p.end = min(p.length, p.begin + each);
    return p.split < p.splits;
}

DEVICE int head_of(const Args& a, const Part& p, int r) { return p.h * a.group + (p.first_row + r) / a.n; }
DEVICE int query_of(const Args& a, const Part& p, int r) { return (p.first_row + r) % a.n; }

// Keys that a row sees by its place.
DEVICE int limit_of(const Args& a, const Part& p, int r) { return a.causal ? query_of(a, p, r) + 1 + p.length - a.n : p.length; }

// e^x or 2^x, as maxima are natural or binary logarithms.
template <bool BINARY> DEVICE float power(float x) { return BINARY ? ex2(x) : expf(x); }

// Four neighbours of O, and once a row what it was divided by.
template <bool BINARY> DEVICE void store_result(const Args& a, const Part& p, int r, int column, const float (&y)[4], float max, float sum) {
    float share = sum == 0 ? 0 : 1 / sum;
    int head = head_of(a, p, r), i = query_of(a, p, r);
#pragma unroll
    for (int c = 0; c < 4; c++) {
        if (column + c < a.d) put(a.out, place(a.out, p.b, head, i, column + c), y[c] * share);
    }
    if (column == 0 && a.lse) {
        a.lse[p.b * a.lse_batch + head * a.lse_head + i * a.lse_row] = sum == 0 ? -INFINITE : max * (BINARY ? 0.69314718f : 1.f) + logf(sum);
    }
}

// Where a block leaves what it has of row r.
DEVICE i64 left_at(const Args& a, const Part& p, int r, int split) {
    return ((i64)(p.b * a.heads + p.h) * a.group * a.n + p.first_row + r) * a.splits + split;
}

// The block's rows lie in a.parts and a.sums: if it is the last of its splits, it adds them. `room`: 2 ROWS + 1 floats of shared
// memory. All threads of the block.
template <int THREADS, bool BINARY> DEVICE void add_splits(const Args& a, const Part& p, float* room) {
    int groups = (a.group * a.n + ROWS - 1) / ROWS;
    float *tops = room, *ls = room + ROWS;
    u32* last = (u32*)(room + 2 * ROWS);
    u32* ticket = a.tickets + ((i64)p.b * a.heads + p.h) * groups + p.group;
    fence();
    barrier();
    if (threadIdx.x == 0) *last = atomic_add(ticket, 1u) == (u32)p.splits - 1;
    barrier();
    if (!*last) return;
    fence();
    if (threadIdx.x == 0) *ticket = 0;
    for (int r = warp(); r < p.rows; r += THREADS / WARP) {
        const float* sums = a.sums + 2 * left_at(a, p, r, 0);
        float top = -INFINITE, l = 0;
        for (int s = lane(); s < p.splits; s += WARP) top = fmaxf(top, sums[2 * s]);
#pragma unroll
        for (int m = WARP / 2; m > 0; m /= 2) top = fmaxf(top, shuffle_xor(top, m));
        float base = top == -INFINITE ? 0 : top;
        for (int s = lane(); s < p.splits; s += WARP) l = fmaf(sums[2 * s + 1], power<BINARY>(sums[2 * s] - base), l);
        l = warp_sum(l);
        if (lane() == 0) tops[r] = top, ls[r] = l;
    }
    barrier();
    for (int at = (int)threadIdx.x; at < p.rows * DIM / 4; at += THREADS) {
        int r = at / (DIM / 4), column = at % (DIM / 4) * 4;
        const float* sums = a.sums + 2 * left_at(a, p, r, 0);
        const float* parts = a.parts + left_at(a, p, r, 0) * DIM + column;
        float base = tops[r] == -INFINITE ? 0 : tops[r], y[4] = {0, 0, 0, 0};
#pragma unroll 16
        for (int s = 0; s < p.splits; s++) {
            float weight = power<BINARY>(sums[2 * s] - base), x[4];
            load4(x, parts + (i64)s * DIM);
#pragma unroll
            for (int c = 0; c < 4; c++) y[c] = fmaf(x[c], weight, y[c]);
        }
        store_result<BINARY>(a, p, r, column, y, tops[r], ls[r]);
    }
}

// Four neighbours of the block's row: the result, or left for the last block.
template <bool BINARY> DEVICE void leave_row(const Args& a, const Part& p, int r, int column, const float (&y)[4], float max, float sum) {
    if (p.splits == 1) {
        store_result<BINARY>(a, p, r, column, y, max, sum);
        return;
    }
    i64 at = left_at(a, p, r, p.split);
    store4(y, a.parts + at * DIM + column);
    if (column == 0) a.sums[2 * at] = max, a.sums[2 * at + 1] = sum;
}
