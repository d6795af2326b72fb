// attention_not_finite.cu: behind attention.cu and attention_sm90a.cu under a causal mask: rows that what they do not see has spoilt.
//
// Those kernels multiply P by V a tile at a time, P being 0 where a query does not see a key; but 0 times infinity is not 0. Of the
// 128 queries of a tile this is so for keys that not all of them see by their place, up to the end of the last tile of keys. If V is
// not finite there, where the mask shows it, the 128 rows are computed again, a warp a row and a key after the other, and nothing is
// multiplied that a row does not see. Otherwise, which is to say nearly always, up to 254 rows of V are read for 128 queries, and
// nothing is written.
//
// Maths     O, LSE as attention.cu has them
// Shapes    as attention.cu, and its arguments   Variants  TYPE bf16 | f16
// Tile      128 queries of a head, 4 warps
// Shared    a word a warp: whether it has found something
// Barriers  one, behind those words
// PACKED    as attention.cu
#include "attention.cuh"
#ifdef PACKED
#include "sequences.cuh"
#endif

enum { QUERIES = 128, KEYS = 128 /* of a tile, at the most */, WARPS = 4, THREADS = WARPS * WARP, COLUMNS = DIM / WARP };

struct Args {
    Rows q, k, v;
    Output out;
    float* lse;  // or null
    i64 lse_batch, lse_head, lse_row;
    const u32* seen;  // [B, words], a bit a key; or null
    i64 words;
    i32 heads, group, n, m, d, causal;
    float scale;
};

DEVICE bool sees(const u32* seen, int key) { return !seen || seen[key / 32] >> key % 32 & 1; }

// A number times 0 is 0, what is not finite is none.
DEVICE bool finite(const TYPE* row, int d) {
    float sum = 0;
    for (int c = lane(); c < d; c += WARP) sum = fmaf(to_float(row[c]), 0, sum);
    return votes(sum != 0) == 0;
}

DEVICE void compute(const Args& a, int b, int head, int i, const u32* seen) {
    const TYPE *q = head_of(a.q, b, head) + (i64)i * a.q.row, *k = head_of(a.k, b, head / a.group), *v = head_of(a.v, b, head / a.group);
    float o[COLUMNS], x[COLUMNS], max = -INFINITE, sum = 0;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        o[c] = 0;
        x[c] = c * WARP + lane() < a.d ? to_float(q[c * WARP + lane()]) : 0;
    }
#pragma unroll 1
    for (int key = 0; key <= i + a.m - a.n; key++) {
        if (!sees(seen, key)) continue;
        float s = 0;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            if (c * WARP + lane() < a.d) s = fmaf(x[c], to_float(k[(i64)key * a.k.row + c * WARP + lane()]), s);
        }
        s = warp_sum(s) * a.scale;
        float top = s > max ? s : max, base = top == -INFINITE ? 0 : top, shrink = expf(max - base), p = expf(s - base);
        max = top;
        sum = fmaf(sum, shrink, p);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            if (c * WARP + lane() < a.d) o[c] = fmaf(p, to_float(v[(i64)key * a.v.row + c * WARP + lane()]), o[c] * shrink);
        }
    }
    i64 at = b * a.out.batch + head * a.out.head + i * a.out.row;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        int column = c * WARP + lane();
        if (column >= a.d) continue;
        float y = sum == 0 ? 0 : o[c] / sum;
        if (a.out.wide) {
            ((float*)a.out.data)[at + column] = y;
        } else {
            from_float(y, ((TYPE*)a.out.data)[at + column]);
        }
    }
    if (a.lse && lane() == 0) a.lse[b * a.lse_batch + head * a.lse_head + i * a.lse_row] = sum == 0 ? -INFINITE : max + logf(sum);
}

DEVICE void examine(const Args& a, u32* spoilt, int tile, int head, int b) {
    int first = tile * QUERIES, last = min(a.n, first + QUERIES) - 1;
    const u32* seen = a.seen ? a.seen + b * a.words : nullptr;
    const TYPE* v = head_of(a.v, b, head / a.group);
    int shown = first + a.m - a.n + 1, end = (max(0, shown + QUERIES - 1) + KEYS - 1) / KEYS * KEYS;
    u32 found = 0;
    for (int key = max(0, shown) + warp(); key < min(a.m, end); key += WARPS) {
        if (sees(seen, key) && !finite(v + (i64)key * a.v.row, a.d)) found = 1;
    }
    if (lane() == 0) spoilt[warp()] = found;
    barrier();
    if (!(spoilt[0] | spoilt[1] | spoilt[2] | spoilt[3])) return;
    for (int i = first + warp(); i <= last; i += WARPS) compute(a, b, head, i, seen);
}

#ifdef PACKED
KERNEL(THREADS, 1, attention_not_finite_packed, Packed<Args>) {
    SHARED(u32, spoilt, WARPS);
    int slots = a.query_slots<QUERIES>(), tile;
    Sequence s;
    if (!queries_at<QUERIES>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    examine(forward_of(a, s), spoilt, tile, (int)(blockIdx.x / slots), 0);
}
#else
KERNEL(THREADS, 1, attention_not_finite, Args) {
    SHARED(u32, spoilt, WARPS);
    int tiles = (a.n + QUERIES - 1) / QUERIES;
    examine(a, spoilt, (int)(blockIdx.x % tiles), (int)(blockIdx.x / tiles % a.heads), (int)(blockIdx.x / tiles / a.heads));
}
#endif
