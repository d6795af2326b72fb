// matmul_sm90a.cu: c = act(a b + a2 b2 + bias), then merged as Output says, for compute capability 9.0: what matmul.cu computes, by
// the copy engine and the products of warpgroups. GATE: c = silu(a b) (a b2).
//
// Shapes   a [outer, inner, M, K], b [outer, inner, K, N] of T (bf16 or f16) as maps of four dimensions, the contiguous one first:
//          K or (A_ACROSS, B_ACROSS) the other one; a2 and b2 alike with a K of their own, K2; c as Output says. Any M, N, K from
//          1 on, any K2 from 0 on: what a map does not have is zero.
// Low rank a2 b2 is more of the same sum: its steps of K follow those of a b, into the same registers. An adapter x A^T B^T, with
//          x A^T as a2, so costs K2 / K of the product and no second way through c; a product of its own would read and write c once
//          more, which at K2 = 128 is several times as long.
// Gate     half of a tile's columns are of b, the other half the same columns of b2: gate and up of an element are sums of one
//          thread, and the two products cost no more than one of their common size. K2 is 0.
// Blocks   one a multiprocessor, each computing tile after tile: tile blockIdx.x, then blockIdx.x + gridDim.x, ...
// Tile     128 x 256 of c, K by 64: 16 KB of a and 32 KB of b a stage, 4 stages, 192 KB. The tensor cores need both tiles of a
//          stage for 2 x 64 x 256 x 64 multiply-adds, 1024 clocks at 2048 a clock; at the 64 bytes a clock that a multiprocessor can
//          take at most, its 48 KB come in 768. GROUP rows of tiles are walked together, so that operands are in the second-level cache.
// Shared   stage s: a's tile, 16 KB, then b's, 32 KB, both as the copy engine exchanges them (hopper.cuh). Static: full and empty
// Roles    warpgroup 0 produces: one thread fills stages as they become empty. Warpgroups 1 and 2 consume: 64 rows of the tile
//          each, 128 sums a thread. Registers a thread: 40 for the producer, 232 for the consumers.
// Barriers full[s]: a stage's bytes have come; the producer expects them. empty[s]: each of the eight warps that consume has done
//          with it. The producer is up to four stages ahead, into the next tile while the last one is stored. One barrier of the
//          block shows all threads that those were made.
// Storing  from registers: neighbours in a row exchange halves, so that each has four columns of one row.
#include "hopper.cuh"
#include "product.cuh"

enum {
    TILE_M = 128,
    TILE_N = 256,
    DEPTH = SLAB,
    STAGES = 4,
    CONSUMERS = 2,  // warpgroups
    THREADS = (1 + CONSUMERS) * WARPGROUP,
    GROUP = 16,
    STEP = 16,          // of K, in one product
    A_BYTES = TILE_M * SLAB_BYTES,
    B_BYTES = TILE_N * SLAB_BYTES,
    STAGE_BYTES = A_BYTES + B_BYTES,
    EIGHT_ROWS = 8 * SLAB_BYTES,
    COLUMNS = GATE ? TILE_N / 2 : TILE_N,  // of c, in a tile
    SLAB_TILE = DEPTH * SLAB_BYTES  // of an operand that lies across K: 64 of it by 64 of K
};

struct Args {
    TensorMap a, b, a2, b2;
    Output c;
    i64 c_inner, c_outer;
    i32 m, n;
    i32 first;               // steps of K, rounded up
    i32 steps;               // with those of K2
    i32 inner;               // size of the inner batch dimension
    i32 a_batch, b_batch;    // of the two an operand has both (3), the inner (1), the outer (2) or none (0)
    i32 tiles_m, tiles_n;
    i32 tiles;               // of all of the batch
};

// A tile of one of the batch. In groups of GROUP rows, column by column.
struct Place {
    i32 m, n, inner, outer;
};
DEVICE Place locate(const Args& a, int tile) {
    int matrix = a.tiles_m * a.tiles_n, i = tile / matrix, group = GROUP * a.tiles_n;
    tile -= i * matrix;
    int first = tile / group * GROUP, t = tile % group, rows = least(a.tiles_m - first, (int)GROUP);
    return {(first + t % rows) * TILE_M, t / rows * COLUMNS, i % a.inner, i / a.inner};
}

// Where in the ring of stages somebody is: the stage, and the parity of its barriers' phase.
struct Ring {
    u32 stage, parity;
    DEVICE void step() {
        if (++stage == STAGES) stage = 0, parity ^= 1;
    }
};

// One operand's part of a stage: EXTENT of it by DEPTH of K.
template <int EXTENT, bool ACROSS> DEVICE void load(u8* to, const TensorMap& map, Bar& full, int first, int k, int inner, int outer) {
    if (ACROSS) {
#pragma unroll
        for (int s = 0; s < EXTENT / SLAB; s++) tile_load(to + s * SLAB_TILE, map, full, first + s * SLAB, k, inner, outer);
    } else {
        tile_load(to, map, full, k, first, inner, outer);
    }
}

DEVICE void produce(const Args& a, u8* shared, Bar* full, Bar* empty) {
    Ring at = {0, 1};  // the phase before the first counts as over: every stage is empty
#pragma unroll 1
    for (int tile = (int)blockIdx.x; tile < a.tiles; tile += (int)gridDim.x) {
        Place p = locate(a, tile);
        int a_inner = a.a_batch & 1 ? p.inner : 0, a_outer = a.a_batch & 2 ? p.outer : 0;
        int b_inner = a.b_batch & 1 ? p.inner : 0, b_outer = a.b_batch & 2 ? p.outer : 0;
#pragma unroll 1
        for (int s = 0; s < a.steps; s++, at.step()) {
            u8* stage = shared + at.stage * STAGE_BYTES;
            bool more = s >= a.first;
            int k = (more ? s - a.first : s) * DEPTH;
            bar_wait(empty[at.stage], at.parity);
            bar_expect(full[at.stage], STAGE_BYTES);
            load<TILE_M, A_ACROSS>(stage, more ? a.a2 : a.a, full[at.stage], p.m, k, a_inner, a_outer);
            load<COLUMNS, B_ACROSS>(stage + A_BYTES, more ? a.b2 : a.b, full[at.stage], p.n, k, b_inner, b_outer);
            if (GATE) load<COLUMNS, B_ACROSS>(stage + A_BYTES + COLUMNS * SLAB_BYTES, a.b2, full[at.stage], p.n, k, b_inner, b_outer);
        }
    }
}

// Stores 16 rows of a warp: in each eight columns a thread has two of row g and two of row g + 8; an even one gives the latter
// to its neighbour for two more of row g. 32 columns a turn, and of those an activation of four at a time, round and round, so that
// its code is there once.
DEVICE void store(const Args& a, const Place& p, int row, const float (&d)[128]) {
    enum { TURN = 4 };
    int t = lane() % 4;
    bool odd = t & 1;
    int m = p.m + row + lane() / 4 + (odd ? 8 : 0), n = p.n + t / 2 * 4;
    i64 batch = p.inner * a.c_inner + p.outer * a.c_outer;
#pragma unroll 1
    for (int turn = 0; turn < COLUMNS / 8; turn += TURN) {
        float v[TURN][4];
        float up[TURN][4];
#pragma unroll
        for (int from = 0; from < COLUMNS / 8; from += TURN) {
            if (from != turn) continue;
#pragma unroll
            for (int i = 0; i < TURN * 4; i++) {
                v[i / 4][i % 4] = d[4 * from + i];
                up[i / 4][i % 4] = GATE ? d[COLUMNS / 2 + 4 * from + i] : 0.f;
            }
        }
#pragma unroll
        for (int i = 0; GATE && i < TURN * 4; i++) v[i / 4][i % 4] = activate(SILU, v[i / 4][i % 4]) * up[i / 4][i % 4];
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            float (&x)[4] = v[i];
            float give0 = odd ? x[0] : x[2], give1 = odd ? x[1] : x[3];
            float get0 = shuffle_xor(give0, 1), get1 = shuffle_xor(give1, 1);
            x[0] = odd ? get0 : x[0], x[1] = odd ? get1 : x[1], x[2] = odd ? x[2] : get0, x[3] = odd ? x[3] : get1;
            add_bias4(a.c, n + 8 * (turn + i), a.n - (n + 8 * (turn + i)), x);
        }
        if (a.c.activation != NONE) {
#pragma unroll 1
            for (int i = 0; i < TURN; i++) {
                float x[4] = {v[0][0], v[0][1], v[0][2], v[0][3]};
                activate_all(a.c.activation, x);
#pragma unroll
                for (int j = 0; j < TURN * 4 - 4; j++) v[j / 4][j % 4] = v[j / 4 + 1][j % 4];
#pragma unroll
                for (int j = 0; j < 4; j++) v[TURN - 1][j] = x[j];
            }
        }
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            int column = n + 8 * (turn + i);
            deliver4(a.c, batch, m, column, m < a.m ? a.n - column : 0, v[i]);
        }
    }
}

DEVICE void consume(const Args& a, u8* shared, Bar* full, Bar* empty) {
    int rows = (warp() / 4 - 1) * 64;
    Descriptor left = A_ACROSS ? tile_descriptor(shared + rows / SLAB * SLAB_TILE, SLAB_TILE, EIGHT_ROWS)
                               : tile_descriptor(shared + rows * SLAB_BYTES, 0, EIGHT_ROWS);
    Descriptor right = tile_descriptor(shared + A_BYTES, B_ACROSS ? SLAB_TILE : 0, EIGHT_ROWS);
    const int a_step = A_ACROSS ? STEP * SLAB_BYTES : STEP * 2, b_step = B_ACROSS ? STEP * SLAB_BYTES : STEP * 2;
    Ring at = {0, 0};
#pragma unroll 1
    for (int tile = (int)blockIdx.x; tile < a.tiles; tile += (int)gridDim.x) {
        float d[128];
#pragma unroll
        for (int i = 0; i < 128; i++) d[i] = 0.f;
        u32 before = 0;
#pragma unroll 1
        for (int k = 0; k < a.steps; k++, at.step()) {
            bar_wait(full[at.stage], at.parity);
            group_begin();
            Descriptor stage = descriptor_bytes((int)at.stage * STAGE_BYTES);
#pragma unroll
            for (int s = 0; s < DEPTH / STEP; s++) {
                group_multiply<A_ACROSS, B_ACROSS>(
                    d, left + stage + descriptor_bytes(s * a_step), right + stage + descriptor_bytes(s * b_step), true, T{});
            }
            group_commit();
            group_wait<1>();  // the stage before has been read
            if (k > 0 && lane() == 0) bar_arrive(empty[before]);
            before = at.stage;
        }
        group_wait<0>();
        hold(d);
        if (lane() == 0) bar_arrive(empty[before]);
        store(a, locate(a, tile), rows + warp() % 4 * 16, d);
    }
}

KERNEL(THREADS, 1, matmul_sm90a, Args) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, STAGES);
    SHARED(Bar, empty, STAGES);
    if (threadIdx.x == 0) {
        tile_announce(a.a);
        tile_announce(a.b);
        if (a.steps > a.first) tile_announce(a.a2);
        if (GATE || a.steps > a.first) tile_announce(a.b2);
        for (int s = 0; s < STAGES; s++) {
            bar_init(full[s], 1);
            bar_init(empty[s], CONSUMERS * 4);
        }
        bars_made();
    }
    barrier();
    if (warp() < 4) {
        registers_give<40>();
        if (threadIdx.x == 0) produce(a, shared, full, empty);
    } else {
        registers_take<232>();
        consume(a, shared, full, empty);
    }
}
