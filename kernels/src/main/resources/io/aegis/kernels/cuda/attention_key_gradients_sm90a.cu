// attention_key_gradients_sm90a.cu: dK and dV of attention for compute capability 9.0, and dQ along with them where its sums may have any
// order: what attention_backward.cu computes, by the copy engine and the products of warpgroups (FlashAttention-3, arXiv 2407.08608).
//
//   P = 2^(c q k - lse')   dS = P * (dO V^T - delta)   dV = P^T dO   dK = scale dS^T Q   dQ = scale dS K
//   c = scale log2(e); lse' = LSE log2(e) and delta = rowsum(dO * O) come from attention_delta
//
// Shapes    Q, dO, dQ [B, Hq, N, d]   K, V, dK, dV [B, Hkv, M, d]   lse', delta [B, Hq, padded] float32   Hq a multiple of Hkv
//           factors are TYPE, as maps of four dimensions; results are TYPE or float32; scale > 0; N, M > 0
// Variants  TYPE bf16 | f16   DIM 64 | 80 | 96 | 128: columns in shared memory, as in attention_sm90a.cu   DQ 1 | 0: with dQ or without
// Blocks    one a multiprocessor, each computing tile after tile: see walk(), the first keys first, which under a causal mask are the
//           longest. A tile of keys goes through the queries of all heads of its group, so that dK and dV need no other block.
// Tile      128 keys x QUERIES queries, 128 at DIM 64, else 64. K and V stay.
// Maths     S^T = K Q^T and dP^T = V dO^T: products of 64 x QUERIES x 16 from shared memory. Their sums, rounded in pairs, are P^T and dS^T
//           as factors from registers: dV += P^T dO, dK += dS^T Q, products of 64 x DIM x 16. dV is given to the tensor cores before
//           dS is computed (EARLY) where registers allow it.
// dQ        dS^T of both warpgroups goes to shared memory, rows of keys exchanged as a tile's are, and is the left factor, across, of
//           dQ = dS K, over 128 keys. Of its shares, 64 queries by SUM_COLUMNS, each warpgroup has one (the rows at DIM 64, half of the
//           columns at DIM 128), or they take turns from tile to tile. A share goes to shared memory as its threads hold it, and
//           from there the copy engine adds it to a float32 sum in global memory that is 0 at first: blocks come in any order, so its
//           last bits are others each time. attention_query_sums_sm90a scales the sums and puts them where dQ is wanted.
//           attention_query_gradient_sm90a.cu computes dQ by itself, with the same bits each time.
// Shared    K, V, 256 DIM bytes each; STAGES stages of Q and dO, 2 QUERIES DIM bytes each; two tiles of dS^T and one of dQ, with
//           DQ; STAGES times lse' and delta. At DIM 64, 80, 96, 128 that is 131, 102, 122, 162 KB, and 194, 133, 153, 193 KB with DQ.
// Roles     warpgroup 0: thread 0 fetches, warp 1 clears (below); 24 registers a thread. Warpgroups 1 and 2 consume: 64 keys each; 240
//           registers: DIM sums of dK and dV, QUERIES of S and dP, half as many of their factors, then SUM_COLUMNS / 2 of dQ.
// Barriers  keys_full, q_full[s], dout_full[s]: bytes have come, lse' with Q, delta with dO. keys_empty, stage_empty[s]: each of the
//           eight warps that consume has done with them; with dO it has before it has with Q. Named: WHOLE, both warpgroups have written dS^T (of two tiles in
//           turn, so that one is read while the next is written) and whoever added dQ last knows that its share has been read; OWN and the
//           next, a warpgroup has written its share.
// Masks     P and dS are 0 where a query does not see a key: behind a diagonal, and, since dQ sums over keys, where nobody does. Rows of
//           Q, dO and K that meet these zeros and are not finite are attention_backward_not_finite.cu's. What hidden
//           keys hold may be anything: with DQ, warp 1 clears their rows of K and V, and keys_clear says so; without, they have
//           rows of their own, whose gradients are stored as 0. Rows that see nothing have lse' = +inf, and so P = 0.
#include "attention_sm90a.cuh"

enum {
    QUERIES = DIM == 64 ? 128 : 64,
    BANDS = QUERIES / GROUP_ROWS,
    STAGES = DQ ? 2 : 3,
    EARLY = !DQ || QUERIES == 64,
    K_BYTES = KEYS * 2 * DIM,  // and of V
    Q_BYTES = QUERIES * 2 * DIM,  // and of dO
    ROW_BYTES = QUERIES * 4,      // lse', delta
    STAGE_BYTES = 2 * Q_BYTES,
    DS_SLAB = KEYS * SLAB_BYTES,  // dS^T of 64 queries
    SUM_COLUMNS = DIM == 128 ? 64 : DIM,       // of dQ, in one product
    SHARES = BANDS * DIM / SUM_COLUMNS,        // of dQ that a tile of queries is: one a warpgroup, or they take turns
    SUM_BYTES = GROUP_ROWS * SUM_COLUMNS * 4,  // of a share
    DS_AT = 2 * K_BYTES + STAGES * STAGE_BYTES,
    SUMS_AT = DS_AT + (DQ ? 2 * BANDS * DS_SLAB : 0),
    ROWS_AT = SUMS_AT + (DQ ? SHARES * SUM_BYTES : 0),
    WHOLE = 1,  // named barriers: both warpgroups, and each
    OWN = 2
};

struct Args {
    TensorMap q, k, v, dout;
    Output dk, dv;
    const float *scaled, *delta;  // [B, Hq, padded]
    float* dq;                    // [B, Hq, queries' tiles of 64, DIM / 8, 128, 4]: sums of a warpgroup's threads as they lie
    const u32* seen;              // [B, words], a bit a key; or null
    i64 words;
    i32 heads, group, n, m, d, causal, padded;
    i32 q_has, k_has, v_has, dout_has;  // of the outer dimensions a map has both (3), heads (1), batches (2) or none (0)
    i32 tiles;                          // of keys, a head
    i32 heads_in_all;                   // of keys, of all batches
    i32 section;                        // heads whose tiles are computed together
    float scale;
};

struct Bars {
    Bar keys_full, keys_clear, keys_empty;
    Bar q_full[STAGES], dout_full[STAGES], stage_empty[STAGES];
};
DEVICE u8* queries_at(u8* shared, u32 stage) { return shared + 2 * K_BYTES + (int)stage * STAGE_BYTES; }
DEVICE float* rows_at(u8* shared, u32 stage) { return (float*)(shared + ROWS_AT + (int)stage * 2 * ROW_BYTES); }

// A tile of keys, and the queries that may see some of it: from `start` on, none where that is n or more.
struct Place {
    i32 first, head, batch, start;
    u32 seen[WORDS];
};
DEVICE Place locate(const Args& a, int tile) {
    int place, head, heads = a.heads / a.group;
    walk(tile, a.tiles, a.section, a.heads_in_all, place, head);
    Place p;
    p.first = place * KEYS;
    p.batch = head / heads;
    p.head = head % heads;
    p.start = a.causal ? max(0, p.first - (a.m - a.n)) / QUERIES * QUERIES : 0;
    seen_keys(a, p.batch, place, p.seen);
    if (!any(p.seen)) p.start = a.n;
    return p;
}

DEVICE void produce(const Args& a, u8* shared, Bars& bars) {
    Ring<STAGES> at = {0, 1};  // the phase before the first counts as over: everything is empty
    u32 parity = 1;
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        if (p.start >= a.n) continue;
        bar_wait(bars.keys_empty, parity);
        parity ^= 1;
        bar_expect(bars.keys_full, 2 * K_BYTES);
        fetch<KEYS>(shared, a.k, bars.keys_full, p.first, p.head, p.batch, a.k_has);
        fetch<KEYS>(shared + K_BYTES, a.v, bars.keys_full, p.first, p.head, p.batch, a.v_has);
#pragma unroll 1
        for (int head = p.head * a.group; head < (p.head + 1) * a.group; head++) {
            i64 row = (i64)(p.batch * a.heads + head) * a.padded;
#pragma unroll 1
            for (int i = p.start; i < a.n; i += QUERIES, at.step()) {
                u8* queries = queries_at(shared, at.stage);
                float* rows = rows_at(shared, at.stage);
                bar_wait(bars.stage_empty[at.stage], at.parity);
                bar_expect(bars.q_full[at.stage], Q_BYTES + ROW_BYTES);
                fetch<QUERIES>(queries, a.q, bars.q_full[at.stage], i, head, p.batch, a.q_has);
                floats_load(rows, a.scaled + row + i, QUERIES, bars.q_full[at.stage]);
                bar_expect(bars.dout_full[at.stage], Q_BYTES + ROW_BYTES);
                fetch<QUERIES>(queries + Q_BYTES, a.dout, bars.dout_full[at.stage], i, head, p.batch, a.dout_has);
                floats_load(rows + QUERIES, a.delta + row + i, QUERIES, bars.dout_full[at.stage]);
            }
        }
    }
}

// Hidden keys may hold anything, and what they hold is a factor of dQ.
DEVICE void clear(const Args& a, u8* shared, Bars& bars) {
    u32 parity = 0;
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        if (p.start >= a.n) continue;
        bar_wait(bars.keys_full, parity);
        parity ^= 1;
        clear_rows(shared, p.seen);
        clear_rows(shared + K_BYTES, p.seen);
        proxy_fence();
        warp_barrier();
        leave(bars.keys_clear);
    }
}

// What a thread has of each column of a tile of S^T: two neighbours of lse' or delta at a time.
DEVICE void pair(const float* rows, int i, float (&x)[2]) {
    u64 w = *(const u64*)(rows + 8 * i + 2 * (lane() % 4));
    x[0] = as_float((u32)w), x[1] = as_float((u32)(w >> 32));
}

// P^T in the place of S^T.
DEVICE void soften(float (&s)[QUERIES / 2], const float* rows, float c) {
#pragma unroll
    for (int i = 0; i < QUERIES / 8; i++) {
        float lse[2];
        pair(rows, i, lse);
#pragma unroll
        for (int j = 0; j < 4; j++) s[4 * i + j] = ex2(fmaf(s[4 * i + j], c, -lse[j % 2]));
    }
}
// dS^T in the place of dP^T.
DEVICE void differ(float (&dp)[QUERIES / 2], const float (&p)[QUERIES / 2], const float* rows) {
#pragma unroll
    for (int i = 0; i < QUERIES / 8; i++) {
        float delta[2];
        pair(rows, i, delta);
#pragma unroll
        for (int j = 0; j < 4; j++) dp[4 * i + j] = p[4 * i + j] * (dp[4 * i + j] - delta[j % 2]);
    }
}
// This thread's first row of a tile of keys; known anew wherever it is asked for, as registers are few.
DEVICE int own_row() {
    u32 thread = again(threadIdx.x) - WARPGROUP;
    return (int)(thread / WARP * 16 + thread % WARP / 4);
}

// P or dS = 0 where a query does not see a key.
DEVICE void hide(float (&p)[QUERIES / 2], const Args& a, const Place& place, int query) {
    int row = own_row(), column = 2 * (lane() % 4), first = a.causal ? place.first + row - (a.m - a.n) - query - column : -KEYS;
    u32 seen[WORDS];
    if (DQ) seen_keys(a, place.batch, place.first / KEYS, seen);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int from = !DQ || has(seen, row + 8 * half) ? first + 8 * half : QUERIES;
#pragma unroll
        for (int i = 0; i < QUERIES / 4; i++) {
            if (i / 2 * 8 + i % 2 < from) p[i / 2 * 4 + 2 * half + i % 2] = 0;
        }
    }
}

// dS^T to shared memory, rows of keys: the left factor of dQ, across.
DEVICE void store_factor(u8* to, const u32 (&f)[QUERIES / STEP][4]) {
    u32 thread = again(threadIdx.x) - WARPGROUP, row = thread % WARP / 4;
    u32 place = (thread / WARP * 16 + row) * SLAB_BYTES + row * 16 + thread % 4 * 4;
#pragma unroll
    for (int i = 0; i < QUERIES / STEP; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            u32 chunk = 2 * i % 8 + j / 2;
            *(u32*)(to + (place ^ chunk * 16) + (i / 4 * DS_SLAB + j % 2 * 8 * SLAB_BYTES)) = f[i][j];
        }
    }
}

#if DQ
// Adds a share of dQ, 64 queries by SUM_COLUMNS, to what other blocks have of it.
DEVICE void add_queries(float* to, u8* sums, Descriptor ds, Descriptor keys) {
    float dq[SUM_COLUMNS / 2];
    group_begin();
    group_multiply<1, 1>(dq, ds, keys, TYPE());
#pragma unroll
    for (int i = 1; i < KEYS / STEP; i++) {
        group_multiply<1, 1>(dq, ds + descriptor_bytes(i * STEP * SLAB_BYTES), keys + descriptor_bytes(i * STEP * WIDTH), true, TYPE());
    }
    group_commit();
    group_wait<0>();
    hold(dq);
    int thread = (int)threadIdx.x % WARPGROUP;
#pragma unroll
    for (int i = 0; i < SUM_COLUMNS / 8; i++) {
        float x[4] = {dq[4 * i], dq[4 * i + 1], dq[4 * i + 2], dq[4 * i + 3]};
        store4(x, (float*)sums + (i * WARPGROUP + thread) * 4);
    }
    proxy_fence();
    barrier_of(OWN + warp() / 4 - 1, WARPGROUP);
    if (thread == 0) {
        floats_add(to, (const float*)sums, GROUP_ROWS * SUM_COLUMNS);
        adds_commit();
    }
}
#endif

// Gradients of keys that nobody sees are 0, whatever came out.
DEVICE void store(const Args& a, int tile, float (&dk)[DIM / 2], float (&dv)[DIM / 2]) {
    Place p = locate(a, tile);
    int row = own_row();
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int key = p.first + row + 8 * half;
        if (key >= a.m) continue;
        if (!has(p.seen, row + 8 * half)) {
#pragma unroll
            for (int i = 0; i < DIM / 4; i++) dk[i / 2 * 4 + 2 * half + i % 2] = dv[i / 2 * 4 + 2 * half + i % 2] = 0;
        }
        if (a.dk.data) store_row(a.dk, p.batch, p.head, key, a.d, (const float(&)[DIM / 8][4])dk, half, a.scale);
        if (a.dv.data) store_row(a.dv, p.batch, p.head, key, a.d, (const float(&)[DIM / 8][4])dv, half, 1);
    }
}

DEVICE void consume(const Args& a, u8* shared, Bars& bars) {
    int side = warp() / 4 - 1;
    float c = a.scale * LOG2_E;
    Ring<STAGES> at = {0, 0};
    u32 parity = 0;
#if DQ
    u32 turn = 0;
#endif
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        bool hides = DQ && !all(p.seen);
        float dk[DIM / 2], dv[DIM / 2];
#pragma unroll
        for (int i = 0; i < DIM / 2; i++) dk[i] = dv[i] = 0;
        if (p.start < a.n) {
            bar_wait(bars.keys_full, parity);
            if (DQ && a.seen) bar_wait(bars.keys_clear, parity);
            parity ^= 1;
            // One loop over the queries of all heads: of two, one in the other, each would want places of its own for the sums.
            int i = p.start, head = p.head * a.group, end = head + a.group;
#pragma unroll 1
            while (head < end) {
                u8 *q = queries_at(shared, at.stage), *dout = q + Q_BYTES, *own = shared + side * GROUP_ROWS * WIDTH;
                const float* rows = rows_at(shared, at.stage);
                float s[QUERIES / 2], dp[QUERIES / 2];
                u32 left[QUERIES / STEP][4], f[QUERIES / STEP][4];
                bar_wait(bars.q_full[at.stage], at.parity);
                multiply_rows<KEYS, QUERIES>(s, along(own), along(q));
                bar_wait(bars.dout_full[at.stage], at.parity);
                multiply_rows<KEYS, QUERIES>(dp, along(own + K_BYTES), along(dout));
                group_wait<1>();
                hold(s);
                soften(s, rows, c);
                bool masked = hides || a.causal && p.first + KEYS - 1 > i + a.m - a.n;
                if (masked) hide(s, a, p, i);
                if (EARLY) {
                    round_to_factors(left, s);
                    add_rows(dv, left, across<QUERIES>(dout));
                }
                if (!EARLY) behind(all_of(s));  // while dP is on its way; EARLY, a product that has P as a factor keeps it in its place
                group_wait<EARLY ? 1 : 0>();
                hold(dp);
                differ(dp, s, rows + QUERIES);
                if (masked) hide(dp, a, p, i);  // 0 times what is not finite
                if (!EARLY) {
                    round_to_factors(left, s);
                    add_rows(dv, left, across<QUERIES>(dout));
                }
                round_to_factors(f, dp);
#if DQ
                store_factor(shared + DS_AT + (turn & 1) * BANDS * DS_SLAB, f);
                proxy_fence();
                if (threadIdx.x % WARPGROUP == 0) adds_read();
                barrier_of(WHOLE, CONSUMERS * WARPGROUP);
#endif
                add_rows(dk, f, across<QUERIES>(q));
                group_wait<1>();
                hold(dv);
                hold(left);
#if DQ
                if (SHARES == CONSUMERS || (turn & 1) == side) {
                    int share = SHARES == CONSUMERS ? side : 0, band = BANDS == CONSUMERS ? side : 0;
                    Descriptor ds = tile_descriptor(shared + DS_AT + ((turn & 1) * BANDS + band) * DS_SLAB, 0, 8 * SLAB_BYTES);
                    float* to = a.dq + ((i64)(p.batch * a.heads + head) * a.padded + i) * DIM + share * (GROUP_ROWS * SUM_COLUMNS);
                    add_queries(to, shared + SUMS_AT + share * SUM_BYTES, ds, across<KEYS>(shared + (share - band) * KEYS * WIDTH));
                }
                turn++;
#endif
                group_wait<0>();
                hold(dk);
                hold(f);
                leave(bars.stage_empty[at.stage]);
                at.step();
                i += QUERIES;
                if (i >= a.n) i = p.start, head++;
            }
            leave(bars.keys_empty);
        }
        store(a, (int)again((u32)tile), dk, dv);
    }
#if DQ
    if (threadIdx.x % WARPGROUP == 0) adds_read();
#endif
}

KERNEL(THREADS, 1, attention_key_gradients_sm90a, Args) {
    DYNAMIC_SHARED(shared);
    SHARED(Bars, bars, 1);
    if (threadIdx.x == 0) {
        tile_announce(a.q);
        tile_announce(a.k);
        tile_announce(a.v);
        tile_announce(a.dout);
        bar_init(bars[0].keys_full, 1);
        bar_init(bars[0].keys_clear, 1);
        bar_init(bars[0].keys_empty, CONSUMERS * 4);
        for (int s = 0; s < STAGES; s++) {
            bar_init(bars[0].q_full[s], 1);
            bar_init(bars[0].dout_full[s], 1);
            bar_init(bars[0].stage_empty[s], CONSUMERS * 4);
        }
        bars_made();
    }
    barrier();
    if (warp() < 4) {
        registers_give<24>();
        if (threadIdx.x == 0) produce(a, shared, bars[0]);
        if (DQ && warp() == 1 && a.seen) clear(a, shared, bars[0]);
    } else {
        registers_take<240>();
        consume(a, shared, bars[0]);
    }
}

#if DQ
struct SumArgs {
    const float* sums;
    Output dq;
    i32 heads, n, d, tiles;  // of 64 queries, a head
    float scale;
};

// dQ as its place wants it, a block a tile of 64 queries.
KERNEL(WARPGROUP, 4, attention_query_sums_sm90a, SumArgs) {
    int tile = (int)(blockIdx.x % a.tiles), head = (int)(blockIdx.x / a.tiles % a.heads), batch = (int)(blockIdx.x / a.tiles / a.heads);
    float x[DIM / 8][4];
#pragma unroll
    for (int i = 0; i < DIM / 8; i++) load4(x[i], a.sums + ((i64)blockIdx.x * DIM / 8 + i) * (WARPGROUP * 4) + threadIdx.x * 4);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = tile * GROUP_ROWS + warp() * 16 + lane() / 4 + 8 * half;
        if (row < a.n) store_row(a.dq, batch, head, row, a.d, x, half, a.scale);
    }
}
#endif
