// attention_backward_not_finite.cu: behind the gradients of attention under a causal mask, whichever kernel computed them: rows that what they
// do not see has spoilt, as attention_not_finite.cu has it for the forward pass.
//
// The kernels multiply tiles; P and dS are 0 where a query does not see a key, but 0 times infinity is not 0: dQ = dS K meets rows of K, dK
// = dS^T Q and dV = P^T dO rows of Q and dO that it should not; and where dS is P times dO V^T, V of later keys makes it NaN
// (attention_backward.cu, which has no register left to choose a 0). Of 128 queries or keys this is so for the tile at the diagonal alone.
// If what they might have met is not finite there, the 128 rows are computed again, a warp a row, and nothing is multiplied that does not
// see each other. Otherwise, which is to say nearly always, up to 254 rows are read twice for 128, and nothing is written.
//
// Maths     p = 2^(c q k - lse')   ds = p (dO v - delta)   dq = scale sum of ds k   dk = scale sum of ds q   dv = sum of p dO
// Shapes    as attention_backward.cu, and its arguments   Variants  TYPE bf16 | f16
// Tile      128 queries of a head, where dQ is wanted, and in the blocks behind those 128 keys of a head; 4 warps
// Shared    a word a warp: whether it has found something
// Barriers  one, behind those words
// PACKED    as attention_backward.cu
#include "attention.cuh"
#ifdef PACKED
#include "sequences.cuh"
#endif

enum { ROWS = 128, WARPS = 4, THREADS = WARPS * WARP, COLUMNS = DIM / WARP };

struct Args {
    Rows q, k, v, dout;
    Output dq, dk, dv;
    const float *scaled, *delta;  // [B, Hq, padded]
    const u32* seen;              // [B, words], a bit a key; or null
    i32 words, heads, group, n, m, d, causal, padded;
    float scale;
    i32 query_blocks;  // of dQ: B Hq n / ROWS, or none
};

DEVICE bool sees(const u32* seen, int key) { return !seen || seen[key / 32] >> key % 32 & 1; }

// A number times 0 is 0, what is not finite is none.
DEVICE bool finite(const TYPE* row, int d) {
    float sum = 0;
    for (int c = lane(); c < d; c += WARP) sum = fmaf(to_float(row[c]), 0, sum);
    return votes(sum != 0) == 0;
}
// Whether any warp found something; behind a barrier.
DEVICE bool anybody(bool found, u32* room) {
    if (lane() == 0) room[warp()] = found;
    barrier();
    return room[0] | room[1] | room[2] | room[3];
}

// A lane's columns of a row.
DEVICE void load(float (&x)[COLUMNS], const TYPE* row, int d) {
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) x[c] = c * WARP + lane() < d ? to_float(row[c * WARP + lane()]) : 0;
}
DEVICE void clear(float (&x)[COLUMNS]) {
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) x[c] = 0;
}
DEVICE float dot(const float (&x)[COLUMNS], const float (&y)[COLUMNS]) {
    float sum = 0;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) sum = fmaf(x[c], y[c], sum);
    return warp_sum(sum);
}
DEVICE void add(float (&to)[COLUMNS], float by, const float (&x)[COLUMNS]) {
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) to[c] = fmaf(by, x[c], to[c]);
}
DEVICE void store(const Output& to, int b, int head, int row, int d, const float (&x)[COLUMNS], float by) {
    if (!to.data) return;
    i64 at = b * to.batch + head * to.head + row * to.row;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        int column = c * WARP + lane();
        if (column >= d) continue;
        if (to.wide) {
            ((float*)to.data)[at + column] = x[c] * by;
        } else {
            from_float(x[c] * by, ((TYPE*)to.data)[at + column]);
        }
    }
}

// P of a score, and dS. A score of -infinity is no term of any sum: its key may hold what is infinite.
struct Slope { bool there; float p, ds; };
DEVICE Slope slope(const Args& a, float s, float dp, i64 row) {
    float p = ex2(fmaf(s, a.scale * LOG2_E, -a.scaled[row]));
    return {s != -INFINITE, p, p * (dp - a.delta[row])};
}

DEVICE void compute_query(const Args& a, int b, int head, int i, const u32* seen) {
    const TYPE *keys = head_of(a.k, b, head / a.group), *values = head_of(a.v, b, head / a.group);
    float q[COLUMNS], g[COLUMNS], dq[COLUMNS];
    load(q, head_of(a.q, b, head) + (i64)i * a.q.row, a.d);
    load(g, head_of(a.dout, b, head) + (i64)i * a.dout.row, a.d);
    clear(dq);
    i64 row = (i64)(b * a.heads + head) * a.padded + i;
#pragma unroll 1
    for (int key = 0; key <= i + a.m - a.n; key++) {
        if (!sees(seen, key)) continue;
        float k[COLUMNS], v[COLUMNS];
        load(k, keys + (i64)key * a.k.row, a.d);
        load(v, values + (i64)key * a.v.row, a.d);
        Slope s = slope(a, dot(q, k), dot(g, v), row);
        if (s.there) add(dq, s.ds, k);
    }
    store(a.dq, b, head, i, a.d, dq, a.scale);
}

DEVICE void compute_key(const Args& a, int b, int head, int key) {
    float k[COLUMNS], v[COLUMNS], dk[COLUMNS], dv[COLUMNS];
    load(k, head_of(a.k, b, head) + (i64)key * a.k.row, a.d);
    load(v, head_of(a.v, b, head) + (i64)key * a.v.row, a.d);
    clear(dk);
    clear(dv);
#pragma unroll 1
    for (int of = head * a.group; of < (head + 1) * a.group; of++) {
        const TYPE *queries = head_of(a.q, b, of), *gradients = head_of(a.dout, b, of);
#pragma unroll 1
        for (int i = max(0, key - (a.m - a.n)); i < a.n; i++) {
            float q[COLUMNS], g[COLUMNS];
            load(q, queries + (i64)i * a.q.row, a.d);
            load(g, gradients + (i64)i * a.dout.row, a.d);
            Slope s = slope(a, dot(q, k), dot(g, v), (i64)(b * a.heads + of) * a.padded + i);
            if (!s.there) continue;
            add(dv, s.p, g);
            add(dk, s.ds, q);
        }
    }
    store(a.dk, b, head, key, a.d, dk, a.scale);
    store(a.dv, b, head, key, a.d, dv, 1);
}

// Keys that some of 128 queries do not see by their place, up to the end of the last tile of keys.
DEVICE bool meets_keys(const Args& a, int b, int head, int first, const u32* seen) {
    const TYPE *keys = head_of(a.k, b, head / a.group), *values = head_of(a.v, b, head / a.group);
    int shown = first + a.m - a.n + 1, end = (max(0, shown + ROWS - 1) + ROWS - 1) / ROWS * ROWS;
    bool found = false;
    for (int key = max(0, shown) + warp(); key < min(a.m, end); key += WARPS) {
        if (!sees(seen, key)) continue;
        if (!finite(keys + (i64)key * a.k.row, a.d) || !finite(values + (i64)key * a.v.row, a.d)) found = true;
    }
    return found;
}
// Queries that do not see some of 128 keys by their place, from the beginning of the first tile of queries on.
DEVICE bool meets_queries(const Args& a, int b, int head, int first) {
    int start = max(0, first - (a.m - a.n)) / ROWS * ROWS, end = min(a.n, first + ROWS - 1 - (a.m - a.n));
    bool found = false;
    for (int of = head * a.group; of < (head + 1) * a.group; of++) {
        const TYPE *queries = head_of(a.q, b, of), *gradients = head_of(a.dout, b, of);
        for (int i = start + warp(); i < end; i += WARPS) {
            if (!finite(queries + (i64)i * a.q.row, a.d) || !finite(gradients + (i64)i * a.dout.row, a.d)) found = true;
        }
    }
    return found;
}

DEVICE void examine_queries(const Args& a, u32* room, int first, int head, int b) {
    const u32* seen = a.seen ? a.seen + (i64)b * a.words : nullptr;
    if (!anybody(meets_keys(a, b, head, first, seen), room)) return;
    for (int i = first + warp(); i < min(a.n, first + ROWS); i += WARPS) compute_query(a, b, head, i, seen);
}
DEVICE void examine_keys(const Args& a, u32* room, int first, int head, int b) {
    const u32* seen = a.seen ? a.seen + (i64)b * a.words : nullptr;
    if (!anybody(meets_queries(a, b, head, first), room)) return;
    for (int key = first + warp(); key < min(a.m, first + ROWS); key += WARPS) {
        if (sees(seen, key)) compute_key(a, b, head, key);
    }
}

#ifdef PACKED
KERNEL(THREADS, 1, attention_backward_not_finite_packed, Packed<Args>) {
    SHARED(u32, room, WARPS);
    int block = (int)blockIdx.x, queries = a.all.query_blocks, tile;
    Sequence s;
    if (block < queries) {
        int slots = a.query_slots<ROWS>();
        if (queries_at<ROWS>(a.sequences, block % slots, s, tile)) examine_queries(backward_of(a, s), room, tile * ROWS, block / slots, 0);
    } else {
        block -= queries;
        int slots = a.key_slots<ROWS>();
        if (keys_at<ROWS>(a.sequences, block % slots, s, tile)) examine_keys(backward_of(a, s), room, tile * ROWS, block / slots, 0);
    }
}
#else
KERNEL(THREADS, 1, attention_backward_not_finite, Args) {
    SHARED(u32, room, WARPS);
    int block = (int)blockIdx.x, tiles = (a.n + ROWS - 1) / ROWS, queries = a.query_blocks;
    if (block < queries) {
        examine_queries(a, room, block % tiles * ROWS, block / tiles % a.heads, block / tiles / a.heads);
    } else {
        block -= queries;
        tiles = (a.m + ROWS - 1) / ROWS;
        int heads = a.heads / a.group;
        examine_keys(a, room, block % tiles * ROWS, block / tiles % heads, block / tiles / heads);
    }
}
#endif
