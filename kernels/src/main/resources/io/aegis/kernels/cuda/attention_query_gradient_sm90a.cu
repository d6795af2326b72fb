// attention_query_gradient_sm90a.cu: dQ of attention for compute capability 9.0, with sums of a fixed order: what
// attention_backward.cu computes, by the copy engine and the products of warpgroups.
//
//   P = 2^(c q k - lse')   dS = P * (dO V^T - delta)   dQ = scale dS K      c = scale log2(e); lse', delta as in attention_backward.cu
//
// It computes S and dP a second time beside attention_key_gradients_sm90a.cu: seven products a tile for both instead of the five that
// are there when dQ is summed over blocks by additions to global memory. In return a sum's order is its own, no block waits for another
// (a turn for each block of keys would fix the order too, but blocks that come late hold up all others, and one that never
// comes is a GPU that hangs), dQ needs no float32 copy, and it can be had alone.
//
// Shapes    Q, dO, dQ [B, Hq, N, d]   K, V [B, Hkv, M, d]   lse', delta [B, Hq, padded] float32   Hq a multiple of Hkv
//           factors are TYPE, as maps of four dimensions; dQ is TYPE or float32; scale > 0; N, M > 0
// Variants  TYPE bf16 | f16   DIM 64 | 80 | 96 | 128: columns in shared memory, as in attention_sm90a.cu
// Blocks    one a multiprocessor, each computing tile after tile: see walk(), the last queries first
// Tile      128 queries x 128 keys. Q and dO stay; keys from the last seen tile to the first.
// Shared    Q, dO, 256 DIM bytes each; STAGES stages of K and of V, 256 DIM bytes each: 128, 160, 144, 192 KB
// Roles     warpgroup 0: thread 0 fetches, warp 1 clears (below); 24 registers a thread. Warpgroups 1 and 2 consume: 64 queries
//           each; 240 registers: DIM / 2 sums of dQ, 64 of S, 64 of dP, 32 of dS. One computes dS while the other's products run.
// Barriers  rows_full, k_full[s], v_full[s]: bytes have come. rows_empty, stage_empty[s]: each of the eight warps that consume has done
//           with them; with V it has when dP is there, before it has with K.
// Masks     dS of hidden keys is 0. What they hold may be anything, and K is a factor of dQ: warp 1 clears their rows of K, and
//           k_clear[s] says so. Tiles that nobody sees are left out. Rows of K at the diagonal that are not finite are
//           attention_backward_not_finite.cu's.
//           The wait for dP stands behind the exponentials (behind()): ptxas had put it before 48 of the 64 of a tile.
#include "attention_sm90a.cuh"

enum {
    QUERIES = 128,
    STAGES = DIM <= 80 ? 3 : 2,
    TILE_BYTES = QUERIES * 2 * DIM  // and of keys
};

struct Args {
    TensorMap q, k, v, dout;
    Output dq;
    const float *scaled, *delta;  // [B, Hq, padded]
    const u32* seen;              // [B, words], a bit a key; or null
    i64 words;
    i32 heads, group, n, m, d, causal, padded;
    i32 q_has, k_has, v_has, dout_has;  // of the outer dimensions a map has both (3), heads (1), batches (2) or none (0)
    i32 tiles;                          // of queries, a head
    i32 heads_in_all;                   // of all batches
    i32 section;                        // heads whose tiles are computed together
    float scale;
};

struct Bars {
    Bar rows_full, rows_empty;
    Bar k_full[STAGES], k_clear[STAGES], v_full[STAGES], stage_empty[STAGES];
};
DEVICE u8* keys_at(u8* shared, u32 stage) { return shared + 2 * TILE_BYTES + 2 * (int)stage * TILE_BYTES; }

// A tile of queries.
struct Place {
    i32 first, head, batch;
    i32 steps;  // tiles of keys that some query sees by its place
};
DEVICE Place locate(const Args& a, int tile) {
    int place, head;
    walk(tile, a.tiles, a.section, a.heads_in_all, place, head);
    Place p;
    p.first = (a.tiles - 1 - place) * QUERIES;
    p.batch = head / a.heads;
    p.head = head % a.heads;
    int end = a.causal ? min(a.m, p.first + a.m - a.n + QUERIES) : a.m;
    p.steps = (max(end, 0) + KEYS - 1) / KEYS;
    return p;
}
// The last tile of keys up to this one that somebody sees; below 0: none.
DEVICE int seen_tile(const Args& a, const Place& p, int tile) {
    if (a.seen) {
        for (; tile >= 0; tile--) {
            u32 bits[WORDS];
            seen_keys(a, p.batch, tile, bits);
            if (any(bits)) break;
        }
    }
    return tile;
}

DEVICE void produce(const Args& a, u8* shared, Bars& bars) {
    Ring<STAGES> at = {0, 1};  // the phase before the first counts as over: everything is empty
    u32 parity = 1;
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        int j = seen_tile(a, p, p.steps - 1);
        if (j < 0) continue;
        bar_wait(bars.rows_empty, parity);
        parity ^= 1;
        bar_expect(bars.rows_full, 2 * TILE_BYTES);
        fetch<QUERIES>(shared, a.q, bars.rows_full, p.first, p.head, p.batch, a.q_has);
        fetch<QUERIES>(shared + TILE_BYTES, a.dout, bars.rows_full, p.first, p.head, p.batch, a.dout_has);
#pragma unroll 1
        for (; j >= 0; j = seen_tile(a, p, j - 1), at.step()) {
            u8* keys = keys_at(shared, at.stage);
            bar_wait(bars.stage_empty[at.stage], at.parity);
            bar_expect(bars.k_full[at.stage], TILE_BYTES);
            fetch<KEYS>(keys, a.k, bars.k_full[at.stage], j * KEYS, p.head / a.group, p.batch, a.k_has);
            bar_expect(bars.v_full[at.stage], TILE_BYTES);
            fetch<KEYS>(keys + TILE_BYTES, a.v, bars.v_full[at.stage], j * KEYS, p.head / a.group, p.batch, a.v_has);
        }
    }
}

DEVICE void clear(const Args& a, u8* shared, Bars& bars) {
    Ring<STAGES> at = {0, 0};
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
#pragma unroll 1
        for (int j = seen_tile(a, p, p.steps - 1); j >= 0; j = seen_tile(a, p, j - 1), at.step()) {
            bar_wait(bars.k_full[at.stage], at.parity);
            u32 bits[WORDS];
            seen_keys(a, p.batch, j, bits);
            clear_rows(keys_at(shared, at.stage), bits);
            proxy_fence();
            warp_barrier();
            leave(bars.k_clear[at.stage]);
        }
    }
}

// dS = 0 of what a query does not see. `limit`: how many of the tile's keys this thread's first row sees by its place.
DEVICE void hide(float (&ds)[KEYS / 2], const Args& a, int batch, int tile, int limit) {
    u32 seen[WORDS];
    seen_keys(a, batch, tile, seen);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int count = a.causal ? limit + 8 * half : KEYS;
#pragma unroll
        for (int word = 0; word < WORDS; word++) {
            u32 bits = (seen[word] & lowest(count - 32 * word)) >> 2 * (lane() % 4);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                if (!(bits >> (i / 2 * 8 + i % 2) & 1)) ds[16 * word + i / 2 * 4 + 2 * half + i % 2] = 0;
            }
        }
    }
}

DEVICE void consume(const Args& a, u8* shared, Bars& bars) {
    int side = warp() / 4 - 1, row = (warp() - 4) * 16 + lane() / 4;
    float c = a.scale * LOG2_E;
    Ring<STAGES> at = {0, 0};
    u32 parity = 0;
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        float dq[DIM / 2], lse[2], delta[2];
#pragma unroll
        for (int i = 0; i < DIM / 2; i++) dq[i] = 0;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            i64 from = (i64)(p.batch * a.heads + p.head) * a.padded + p.first + row + 8 * half;
            lse[half] = a.scaled[from];
            delta[half] = a.delta[from];
        }
        int j = seen_tile(a, p, p.steps - 1);
        if (j >= 0) {
            bar_wait(bars.rows_full, parity);
            parity ^= 1;
            const u8* own = shared + side * GROUP_ROWS * WIDTH;
#pragma unroll 1
            for (; j >= 0; j = seen_tile(a, p, j - 1), at.step()) {
                const u8* keys = keys_at(shared, at.stage);
                float s[KEYS / 2], dp[KEYS / 2];
                u32 f[KEYS / STEP][4];
                // Both barriers: the bytes that came are the copy engine's, and only the rows that were cleared are a thread's.
                bar_wait(bars.k_full[at.stage], at.parity);
                if (a.seen) bar_wait(bars.k_clear[at.stage], at.parity);
                multiply_rows<QUERIES, KEYS>(s, along(own), along(keys));
                bar_wait(bars.v_full[at.stage], at.parity);
                multiply_rows<QUERIES, KEYS>(dp, along(own + TILE_BYTES), along(keys + TILE_BYTES));
                group_wait<1>();
                hold(s);
#pragma unroll
                for (int i = 0; i < KEYS / 2; i++) s[i] = ex2(fmaf(s[i], c, -lse[i / 2 % 2]));
                behind(all_of(s));  // while dP is on its way
                group_wait<0>();
                hold(dp);
#pragma unroll
                for (int i = 0; i < KEYS / 2; i++) s[i] *= dp[i] - delta[i / 2 % 2];
                int limit = p.first + a.m - a.n + 1 - j * KEYS;
                if (a.seen || (j + 1) * KEYS > a.m || a.causal && limit < KEYS) hide(s, a, p.batch, j, limit + row);
                round_to_factors(f, s);
                add_rows(dq, f, across<KEYS>(keys));
                group_wait<0>();
                hold(dq);
                hold(f);
                leave(bars.stage_empty[at.stage]);
            }
            leave(bars.rows_empty);
        }
        if (p.first + row < a.n) store_row(a.dq, p.batch, p.head, p.first + row, a.d, (const float(&)[DIM / 8][4])dq, 0, a.scale);
        if (p.first + row + 8 < a.n) store_row(a.dq, p.batch, p.head, p.first + row + 8, a.d, (const float(&)[DIM / 8][4])dq, 1, a.scale);
    }
}

KERNEL(THREADS, 1, attention_query_gradient_sm90a, Args) {
    DYNAMIC_SHARED(shared);
    SHARED(Bars, bars, 1);
    if (threadIdx.x == 0) {
        tile_announce(a.q);
        tile_announce(a.k);
        tile_announce(a.v);
        tile_announce(a.dout);
        bar_init(bars[0].rows_full, 1);
        bar_init(bars[0].rows_empty, CONSUMERS * 4);
        for (int s = 0; s < STAGES; s++) {
            bar_init(bars[0].k_full[s], 1);
            bar_init(bars[0].k_clear[s], 1);
            bar_init(bars[0].v_full[s], 1);
            bar_init(bars[0].stage_empty[s], CONSUMERS * 4);
        }
        bars_made();
    }
    barrier();
    if (warp() < 4) {
        registers_give<40>();
        if (threadIdx.x == 0) produce(a, shared, bars[0]);
        if (warp() == 1 && a.seen) clear(a, shared, bars[0]);
    } else {
        registers_take<232>();
        consume(a, shared, bars[0]);
    }
}
