// attention_sm90a.cu: O = softmax(scale Q K^T + mask) V for compute capability 9.0, forward: what attention.cu computes, by the copy
// engine and the products of warpgroups (Shah et al., FlashAttention-3, arXiv 2407.08608).
//
// Shapes    Q, O [B, Hq, N, d]   K, V [B, Hkv, M, d]   LSE [B, Hq, N] float32   Hq a multiple of Hkv
//           Q, K, V are TYPE, as maps of four dimensions; O is TYPE or float32; scale > 0; N, M > 0
// Variants  TYPE bf16 | f16   DIM 64 | 80 | 96 | 128: columns in shared memory. A head has d <= DIM of them; the others, and rows
//           behind the last, are outside of the map and so zero.
// Blocks    one a multiprocessor, each computing tile after tile: see walk() and locate().
// Tile      128 queries x 128 keys. A third consumer (192 queries) would leave each 160 registers a thread, and at DIM 64, the
//           narrowest, they need 166; besides, 197 tokens would take 384 rows instead of 256, and 577 768 instead of 640.
// Maths     S = Q K^T: products of 64 x 128 x 16 from shared memory, DIM / 16 of them. P = 2^(c (S - m)), c = scale log2(e), m a row's
//           maximum, which may lag behind by LAG in the exponent (attention.cu). O += P V: products of 64 x DIM x 16, P from
//           registers: sums of S, rounded in pairs, are the factor as it is wanted. At last O / l, LSE = scale m + log l.
//           A tile needs 4 x 128 x 128 x DIM operations, 16 DIM clocks at 4096 a clock, and 128 x 128 exponentials, 1024 clocks
//           at 16 a clock: at DIM 64 as long as the products, so one has to hide behind the other.
// Order     key tiles from the last to the first, so that those with a diagonal or an end come first.
// Overlap   within a consumer: S of the next tile and O of this one are given to the tensor cores together; softmax of the next tile
//           is computed while O is still at work. Between consumers: they take turns (named barriers TURN, TURN + 1) at
//           giving products, so that one computes its softmax while the other's products run.
// Shared    Q, 256 DIM bytes; STAGES stages of K and of V, 256 DIM bytes each: 112, 140, 168, 160 KB. Slabs of 64, 16, 32, 64 columns:
//           the widest that divide DIM, so that one product goes over all columns of V.
// Roles     warpgroup 0: thread 0 fetches, warp 1 clears (below); 40 registers a thread, of which they need 34. Warpgroups 1 and 2
//           consume: 64 queries each; 232 registers, of which they need 166, 175, 185, 197: DIM / 2 sums of O, 64 of S, 32 of P.
// Barriers  q_full, k_full[s], v_full[s]: bytes have come. q_empty, k_empty[s], v_empty[s]: each of the eight warps that consume has
//           done with them. K and V have stages apart: the next K is awaited before this V. The first K of the next
//           tile of queries comes while the last products of this one run.
// Masks     a tile of keys that somebody sees in part is masked in registers. What nobody sees (`seen`, a bit a key) may hold anything,
//           and 0 times infinity is not 0: warp 1 clears such rows of V, and v_clear[s] says so. Tiles that nobody sees are
//           left out. What attention.cu says of later queries' values is so here too.
// Packed    sequences in the same rows are attention.cu's: a map's zeros begin where the tensor ends, not where one of its sequences does.
#include "attention_sm90a.cuh"

enum {
    QUERIES = 128,
    STAGES = DIM == 128 ? 2 : 3,
    TILE_BYTES = QUERIES * 2 * DIM,  // and of keys
    TURN = 1
};
constexpr float LAG = 8;

struct Args {
    TensorMap q, k, v;
    Output out;
    float* lse;  // or null
    i64 lse_batch, lse_head, lse_row;
    const u32* seen;  // [B, words], a bit a key; or null
    i64 words;
    i32 heads, group, n, m, d, causal;
    i32 q_has, k_has, v_has;  // of the outer dimensions a map has both (3), heads (1), batches (2) or none (0)
    i32 tiles;                // of queries, a head
    i32 heads_in_all;         // of all batches
    i32 section;              // heads whose tiles are computed together, see walk()
    float scale;
};

// What the warps of a block meet at.
struct Bars {
    Bar q_full, q_empty;
    Bar k_full[STAGES], k_empty[STAGES];
    Bar v_full[STAGES], v_clear[STAGES], v_empty[STAGES];
};
DEVICE u8* keys_at(u8* shared, u32 stage) { return shared + TILE_BYTES + 2 * (int)stage * TILE_BYTES; }
DEVICE u8* values_at(u8* shared, u32 stage) { return keys_at(shared, stage) + TILE_BYTES; }

// A tile of queries.
struct Place {
    i32 first, head, batch;
    i32 shown;  // keys that the first query sees by its place
    i32 steps;  // tiles of keys that some query sees by its place
};

// The last queries first, which under a causal mask are the longest.
DEVICE Place locate(const Args& a, int tile) {
    int place, head;
    walk(tile, a.tiles, a.section, a.heads_in_all, place, head);
    Place p;
    p.first = (a.tiles - 1 - place) * QUERIES;
    p.batch = head / a.heads;
    p.head = head % a.heads;
    p.shown = a.causal ? p.first + a.m - a.n + 1 : a.m;
    int end = a.causal ? min(a.m, p.shown + QUERIES - 1) : a.m;
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

DEVICE void fetch_keys(const Args& a, u8* shared, Bars& bars, Ring<STAGES>& at, const Place& p, int tile) {
    bar_wait(bars.k_empty[at.stage], at.parity);
    bar_expect(bars.k_full[at.stage], TILE_BYTES);
    fetch<KEYS>(keys_at(shared, at.stage), a.k, bars.k_full[at.stage], tile * KEYS, p.head / a.group, p.batch, a.k_has);
    at.step();
}
DEVICE void fetch_values(const Args& a, u8* shared, Bars& bars, Ring<STAGES>& at, const Place& p, int tile) {
    bar_wait(bars.v_empty[at.stage], at.parity);
    bar_expect(bars.v_full[at.stage], TILE_BYTES);
    fetch<KEYS>(values_at(shared, at.stage), a.v, bars.v_full[at.stage], tile * KEYS, p.head / a.group, p.batch, a.v_has);
    at.step();
}

// K, Q, then K of the next tile before V of this one, as they are used.
DEVICE void produce(const Args& a, u8* shared, Bars& bars) {
    Ring<STAGES> k = {0, 1}, v = {0, 1};  // the phase before the first counts as over: everything is empty
    u32 parity = 1;
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        int j = seen_tile(a, p, p.steps - 1);
        if (j < 0) continue;
        fetch_keys(a, shared, bars, k, p, j);
        bar_wait(bars.q_empty, parity);
        bar_expect(bars.q_full, TILE_BYTES);
        fetch<QUERIES>(shared, a.q, bars.q_full, p.first, p.head, p.batch, a.q_has);
        parity ^= 1;
#pragma unroll 1
        for (int next; j >= 0; j = next) {
            next = seen_tile(a, p, j - 1);
            if (next >= 0) fetch_keys(a, shared, bars, k, p, next);
            fetch_values(a, shared, bars, v, p, j);
        }
    }
}

DEVICE void clear(const Args& a, u8* shared, Bars& bars) {
    Ring<STAGES> v = {0, 0};
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
#pragma unroll 1
        for (int j = seen_tile(a, p, p.steps - 1); j >= 0; j = seen_tile(a, p, j - 1), v.step()) {
            bar_wait(bars.v_full[v.stage], v.parity);
            u32 bits[WORDS];
            seen_keys(a, p.batch, j, bits);
            clear_rows(values_at(shared, v.stage), bits);
            proxy_fence();
            warp_barrier();
            leave(bars.v_clear[v.stage]);
        }
    }
}

// A thread's share of its warp's 16 queries: of rows lane / 4 and 8 further.
struct Share {
    float o[DIM / 2];
    float max[2], sum[2];
    u32 p[KEYS / STEP][4];
};

// Hides what a query does not see. `limit`: how many of the tile's keys the warpgroup's first query sees by its place.
DEVICE void hide(float (&s)[KEYS / 2], const Args& a, const Place& p, int tile, int limit) {
    u32 seen[WORDS];
    seen_keys(a, p.batch, tile, seen);
    int row = warp() % 4 * 16 + lane() / 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int count = a.causal ? limit + row + 8 * half : limit;
#pragma unroll
        for (int word = 0; word < WORDS; word++) {
            u32 bits = (seen[word] & lowest(count - 32 * word)) >> 2 * (lane() % 4);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                if (!(bits >> (i / 2 * 8 + i % 2) & 1)) s[16 * word + i / 2 * 4 + 2 * half + i % 2] = -INFINITE;
            }
        }
    }
}

// P of scores, in their place; and what O is to be multiplied by.
DEVICE void soften(float (&s)[KEYS / 2], Share& w, float c, float (&shrink)[2]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float of[2] = {s[2 * half], s[2 * half + 1]};  // two chains, half as long
#pragma unroll
        for (int i = 2; i < KEYS / 4; i++) of[i % 2] = fmaxf(of[i % 2], s[i / 2 * 4 + 2 * half + i % 2]);
        float top = fmaxf(of[0], of[1]);
        top = fmaxf(top, shuffle_xor(top, 1));
        top = fmaxf(top, shuffle_xor(top, 2));
        float max = w.max[half];
        bool grown = (top - max) * c > LAG;
        shrink[half] = grown ? ex2((max - top) * c) : 1;
        max = grown ? top : max;
        w.max[half] = max;
        float base = max == -INFINITE ? 0 : max * c;  // a row that has seen nothing yet
        float sum = w.sum[half] * shrink[half];
#pragma unroll
        for (int i = 0; i < KEYS / 4; i++) {
            float& p = s[i / 2 * 4 + 2 * half + i % 2];
            p = ex2(fmaf(p, c, -base));
            sum += p;
        }
        w.sum[half] = sum;
    }
}

// P rounded, as a factor; and O multiplied by what its rows shrink by.
DEVICE void round_and_shrink(Share& w, const float (&s)[KEYS / 2], const float (&shrink)[2]) {
    if (votes(shrink[0] != 1 || shrink[1] != 1)) {
#pragma unroll
        for (int i = 0; i < DIM / 2; i++) w.o[i] *= shrink[i / 2 % 2];
    }
    round_to_factors(w.p, s);
}

DEVICE void store(const Args& a, const Place& p, int row, const Share& w) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float sum = w.sum[half];
        sum += shuffle_xor(sum, 1);
        sum += shuffle_xor(sum, 2);
        float share = sum == 0 ? 0 : 1 / sum;
        int i = row + 8 * half;
        if (i < a.n) {
            store_row(a.out, p.batch, p.head, i, a.d, (const float(&)[DIM / 8][4])w.o, half, share);
            if (a.lse && lane() % 4 == 0) {
                a.lse[p.batch * a.lse_batch + p.head * a.lse_head + i * a.lse_row] =
                    sum == 0 ? -INFINITE : w.max[half] * a.scale + logf(sum);
            }
        }
    }
}

// Both barriers: the bytes that came are the copy engine's, and only the rows that were cleared are a thread's.
DEVICE void values_there(const Args& a, Bars& bars, const Ring<STAGES>& v) {
    bar_wait(bars.v_full[v.stage], v.parity);
    if (a.seen) bar_wait(bars.v_clear[v.stage], v.parity);
}

DEVICE void consume(const Args& a, u8* shared, Bars& bars) {
    int side = warp() / 4 - 1;
    Descriptor queries = tile_descriptor(shared + side * GROUP_ROWS * WIDTH, 0, 8 * WIDTH, WIDTH);
    Descriptor keys = tile_descriptor(keys_at(shared, 0), 0, 8 * WIDTH, WIDTH);
    Descriptor values = tile_descriptor(values_at(shared, 0), KEYS * WIDTH, 8 * WIDTH, WIDTH);
    float c = a.scale * LOG2_E;
    Ring<STAGES> k = {0, 0}, v = {0, 0};
    u32 parity = 0;
    if (side == 1) barrier_pass(TURN, CONSUMERS * WARPGROUP);
#pragma unroll 1
    for (int round = 0, tile; (tile = tile_of(round)) < a.tiles * a.heads_in_all; round++) {
        Place p = locate(a, tile);
        int shown = a.causal ? p.shown + side * GROUP_ROWS : p.shown;
        Share w;
        float s[KEYS / 2], shrink[2];
#pragma unroll
        for (int i = 0; i < DIM / 2; i++) w.o[i] = 0;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            w.max[half] = -INFINITE;
            w.sum[half] = 0;
        }
        int j = seen_tile(a, p, p.steps - 1);
        if (j >= 0) {
            bar_wait(bars.q_full, parity);
            parity ^= 1;
            bar_wait(bars.k_full[k.stage], k.parity);
            multiply_rows<QUERIES, KEYS>(s, queries, keys + descriptor_bytes(2 * (int)k.stage * TILE_BYTES));
            group_wait<0>();
            hold(s);
            leave(bars.k_empty[k.stage]);
            k.step();
            hide(s, a, p, j, shown - j * KEYS);
            soften(s, w, c, shrink);
            round_and_shrink(w, s, shrink);
#pragma unroll 1
            while ((j = seen_tile(a, p, j - 1)) >= 0) {
                bar_wait(bars.k_full[k.stage], k.parity);
                barrier_of(TURN + side, CONSUMERS * WARPGROUP);
                multiply_rows<QUERIES, KEYS>(s, queries, keys + descriptor_bytes(2 * (int)k.stage * TILE_BYTES));
                values_there(a, bars, v);
                add_rows(w.o, w.p, values + descriptor_bytes(2 * (int)v.stage * TILE_BYTES));
                barrier_pass(TURN + (side ^ 1), CONSUMERS * WARPGROUP);
                group_wait<1>();
                hold(s);
                leave(bars.k_empty[k.stage]);
                k.step();
                int limit = shown - j * KEYS;
                if (limit < KEYS || a.seen) hide(s, a, p, j, limit);
                soften(s, w, c, shrink);
                behind(w.sum[0] + w.sum[1]);
                group_wait<0>();
                hold(w.o);
                hold(w.p);
                leave(bars.v_empty[v.stage]);
                v.step();
                round_and_shrink(w, s, shrink);
            }
            leave(bars.q_empty);
            values_there(a, bars, v);
            add_rows(w.o, w.p, values + descriptor_bytes(2 * (int)v.stage * TILE_BYTES));
            group_wait<0>();
            hold(w.o);
            leave(bars.v_empty[v.stage]);
            v.step();
        }
        store(a, p, p.first + side * GROUP_ROWS + warp() % 4 * 16 + lane() / 4, w);
    }
}

KERNEL(THREADS, 1, attention_sm90a, Args) {
    DYNAMIC_SHARED(shared);
    SHARED(Bars, bars, 1);
    if (threadIdx.x == 0) {
        tile_announce(a.q);
        tile_announce(a.k);
        tile_announce(a.v);
        bar_init(bars[0].q_full, 1);
        bar_init(bars[0].q_empty, CONSUMERS * 4);
        for (int s = 0; s < STAGES; s++) {
            bar_init(bars[0].k_full[s], 1);
            bar_init(bars[0].k_empty[s], CONSUMERS * 4);
            bar_init(bars[0].v_full[s], 1);
            bar_init(bars[0].v_clear[s], 1);
            bar_init(bars[0].v_empty[s], CONSUMERS * 4);
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
