// matmul.cu: c = act(a b + bias), or c += a b, on the matrix units: 16-bit operands, products and sums in float32.
//
// Shapes   a [batch, M, K], b [batch, K, N] of T (bf16 or f16), each contiguous along one of its two dimensions and with a
//          leading stride that is a multiple of 8 elements, 16-byte aligned; c [batch, M, N] as Output says. Any M, N, K from 1 on.
// Low rank LOW_RANK=1, all along K: c = act(a b + a2 b2 + bias) of matrices, a2 [M, K2] and b2 [K2, N] of T, with whatever K2 from 1 on.
//          a2 b2 is more of the same sum, in the same registers: an adapter x A^T B^T, with x A^T as a2, so costs K2 / K of the
//          product and no second way through c. Its K begins at `first`, which is K rounded up to a multiple of DEPTH.
// Parts    K may be cut into parts, a block each; then c is float32 scratch, `c_part` elements a part, and sum_parts of
//          matmul_around.cu adds the parts in their order.
// Tiles    TILE_M x TILE_N of c a block, WARPS_M x WARPS_N warps, DEPTH of K at once, STAGES tiles of both operands in
//          flight. (Tensor cores take 64 KFLOP from 4 KB of shared memory at a warp's 64 x 64, and 85 FLOP from each byte
//          of the second-level cache at 128 x 256: both are near what an H100 can deliver when they are fully busy.)
//              128 x 256   2 x 4 warps of 64 x 64   DEPTH 64, 3 stages, 144 KB   1 block a multiprocessor
//              128 x 128   2 x 2 warps of 64 x 64   DEPTH 32, 4 stages,  64 KB   2
//               64 x 64    2 x 2 warps of 32 x 32   DEPTH 64, 3 stages,  48 KB   4
//          Registers of a 64 x 64 warp: 128 sums, 2 x 16 of a and 2 x 16 of b a thread.
// Shared   a stage: the tile of a, then that of b, in the order that they have in global memory: rows along their contiguous
//          dimension, in chunks of 16 bytes. Chunk c of row r lies in place c ^ (r % 8), or c ^ (r / 2 % 4) where a row has
//          four chunks only: so eight rows of one chunk column, what a load of a matrix reads, fall on all 32 banks.
//          Matrices of an operand that is not contiguous along K are transposed while they are loaded.
//          Behind the last tile the memory is the warps' own: 16 rows of c each, to be stored along rows.
// Barriers one a tile: the stage that is read next has arrived, and the one that is filled next has been read by all.
#include "product.cuh"

#ifndef LOW_RANK
#define LOW_RANK 0
#endif

enum {
    THREADS = WARPS_M * WARPS_N * WARP,
    WARP_M = TILE_M / WARPS_M,
    WARP_N = TILE_N / WARPS_N,
    FRAGMENTS_M = WARP_M / 16,
    FRAGMENTS_N = WARP_N / 8,
    STEPS = DEPTH / 16,
    CHUNK = 8,        // elements of 16 bytes
    GROUP = 16,       // rows of tiles that are walked through together, so that blocks at work share operands
    PITCH = WARP_N + 8  // of the rows of c in shared memory: eight rows' pairs of floats on different banks
};

struct Args {
    const T* a;
    const T* b;
    i64 a_leading, b_leading;  // below 2^25
    i64 a_inner, a_outer, b_inner, b_outer, c_inner, c_outer;  // strides of the two batch dimensions
    i64 c_part;
    Output c;
    i32 m, n, k;
    i32 part;   // of K, a multiple of DEPTH
    i32 parts;
    i32 inner;  // size of the inner batch dimension
    i32 tiles_m, tiles_n;
#if LOW_RANK
    const T* a2;
    const T* b2;
    i64 a2_leading, b2_leading;
    i32 first, k2;
#endif
};

// The tiles of one operand. EXTENT: TILE_M or TILE_N. ALONG_K: contiguous along K.
template <int EXTENT, bool ALONG_K> struct Tiles {
    enum {
        CHUNKS = (ALONG_K ? DEPTH : EXTENT) / CHUNK,  // of a row
        ROWS = ALONG_K ? EXTENT : DEPTH,
        ROW_BYTES = CHUNKS * 16,
        BYTES = ROWS * ROW_BYTES,
        ROW_STEP = THREADS / CHUNKS,  // a multiple of 8, so a thread's chunks are swizzled alike
        COPIES = ROWS / ROW_STEP
    };

    static DEVICE u32 place(int row, int chunk) {
        return (u32)(row * ROW_BYTES + (chunk ^ (CHUNKS >= 8 ? row & 7 : row >> 1 & 3)) * 16);
    }

    const T* from;   // this thread's first chunk of the next tile
    i32 row_stride;  // elements between its chunks
    u32 to;          // place in a stage
    i32 rows;        // from its first one to the end of the operand
    i32 bytes;       // of a row from the first chunk on

    DEVICE void begin(const T* data, i64 leading, int first, int all, int k, int k_end) {
        int row = (int)threadIdx.x / CHUNKS, column = (int)threadIdx.x % CHUNKS * CHUNK;
        to = place(row, column / CHUNK);
        row += ALONG_K ? first : k;
        column += ALONG_K ? k : first;
        from = data + row * leading + column;
        row_stride = ROW_STEP * (i32)leading;
        rows = (ALONG_K ? all : k_end) - row;
        bytes = ((ALONG_K ? k_end : all) - column) * 2;
    }

    // Copies a share of the next tile into a stage, the last one steps on to the tile behind it. What lies outside the
    // operand, or behind its part of K, becomes zero.
    DEVICE void copy(u8* stage, int share, int shares) {
        int exist = bytes < 0 ? 0 : bytes > 16 ? 16 : bytes;
#pragma unroll
        for (int i = COPIES * share / shares; i < COPIES * (share + 1) / shares; i++, from += row_stride) {
            copy_async16(stage + to + i * ROW_STEP * ROW_BYTES, from, i * ROW_STEP < rows ? exist : 0);
        }
        if (share + 1 < shares) return;
        if (ALONG_K) {
            from += DEPTH - COPIES * (i64)row_stride;
            bytes -= DEPTH * 2;
        } else {
            rows -= DEPTH;
        }
    }

    // Where a lane begins to read 16 x 16 matrices across K from `first` on: within its four 8 x 8 ones, lane l gives a row
    // of the one at (`across`, `along`) 0 or 1.
    static DEVICE u32 lane_place(int first, int across, int along) {
        int a = first + 8 * across, k = 8 * along, r = lane() & 7;
        return ALONG_K ? place(a + r, k / CHUNK) : place(k + r, a / CHUNK);
    }
    // The i-th 16 across K, the s-th 16 along it. Bits that the swizzle touches differ by exclusive or.
    static DEVICE u32 matrix_place(u32 lane_place, int i, int s) {
        return ALONG_K ? (lane_place ^ (u32)s * 32) + i * 16 * ROW_BYTES : (lane_place ^ (u32)i * 32) + s * 16 * ROW_BYTES;
    }
    static DEVICE void load(u32 (&r)[4], const u8* at) {
        if (ALONG_K) {
            load_matrices(r, at);
        } else {
            load_matrices_transposed(r, at);
        }
    }
};

typedef Tiles<TILE_M, A_ALONG_K> TilesA;
typedef Tiles<TILE_N, B_ALONG_K> TilesB;
enum { STAGE_BYTES = TilesA::BYTES + TilesB::BYTES };

// Operands of one step of 16 along K, in registers.
struct Fragments {
    u32 a[FRAGMENTS_M][4];
    u32 b[FRAGMENTS_N / 2][4];

    DEVICE void load(const u8* stage, u32 a_place, u32 b_place, int step) {
#pragma unroll
        for (int i = 0; i < FRAGMENTS_M; i++) TilesA::load(a[i], stage + TilesA::matrix_place(a_place, i, step));
#pragma unroll
        for (int j = 0; j < FRAGMENTS_N / 2; j++) {
            TilesB::load(b[j], stage + TilesA::BYTES + TilesB::matrix_place(b_place, j, step));
        }
    }
    // To and fro along the rows, so that neighbours share an operand.
    DEVICE void multiply(float (&sums)[FRAGMENTS_M][FRAGMENTS_N][4]) const {
#pragma unroll
        for (int i = 0; i < FRAGMENTS_M; i++) {
#pragma unroll
            for (int x = 0; x < FRAGMENTS_N; x++) {
                int j = i % 2 == 0 ? x : FRAGMENTS_N - 1 - x;
                multiply_add(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1], T{});
            }
        }
    }
};

// Stores a warp's sums, 16 rows at a time by way of shared memory. The loop over these is not unrolled: the code of the
// activations is there once, and it leaves room for the sums.
DEVICE void store(const Args& a, float* room, i64 batch, int m0, int n0, float (&sums)[FRAGMENTS_M][FRAGMENTS_N][4]) {
    float* own = room + lane() / 4 * PITCH + lane() % 4 * 2;
#pragma unroll 1
    for (int i = 0; i < FRAGMENTS_M; i++) {
#pragma unroll
        for (int f = 0; f < FRAGMENTS_M; f++) {
            if (f != i) continue;
#pragma unroll
            for (int j = 0; j < FRAGMENTS_N; j++) {
                const float(&d)[4] = sums[f][j];
                *(u64*)(own + 8 * j) = as_bits(d[0]) | (u64)as_bits(d[1]) << 32;
                *(u64*)(own + 8 * PITCH + 8 * j) = as_bits(d[2]) | (u64)as_bits(d[3]) << 32;
            }
        }
        warp_barrier();
#pragma unroll 1
        for (int at = lane(); at < 16 * WARP_N / 4; at += WARP) {
            int row = at / (WARP_N / 4), column = at % (WARP_N / 4) * 4;
            int m = m0 + 16 * i + row, n = n0 + column;
            Word4 w = load16(room + row * PITCH + column);
            float v[4] = {as_float(w.x), as_float(w.y), as_float(w.z), as_float(w.w)};
            finish4(a.c, batch, m, n, m < a.m ? a.n - n : 0, v);
        }
        warp_barrier();
    }
}

// What a block computes: a tile of one of the batch, over one part of K.
struct Place {
    i64 inner, outer;
    i32 part, m, n;
};
// Tiles in groups of GROUP rows, column by column.
DEVICE Place locate(const Args& a, u32 tile, u32 batch) {
    int part = (int)batch % a.parts, i = (int)batch / a.parts, group = GROUP * a.tiles_n;
    int first = (int)tile / group * GROUP, t = (int)tile % group;
    int rows = least(a.tiles_m - first, (int)GROUP);
    return {i % a.inner, i / a.inner, part, (first + t % rows) * TILE_M, t / rows * TILE_N};
}

#if LOW_RANK
DEVICE int depth(const Args& a) { return a.first + a.k2; }
DEVICE int first_end(const Args& a, int k_end) { return least(k_end, a.k); }
// Tiles of a part that are of the second product, all of them behind those of the first.
DEVICE int second_tiles(const Args& a, int k_end, int tiles) {
    return k_end <= a.first ? 0 : least(tiles, (k_end - a.first + DEPTH - 1) / DEPTH);
}
DEVICE void begin_second(const Args& a, TilesA& tiles_a, TilesB& tiles_b) {
    Place at = locate(a, again(blockIdx.x), again(blockIdx.z));
    int k = at.part * a.part - a.first, k_end = least(a.k2, k + a.part);
    k = k < 0 ? 0 : k;
    tiles_a.begin(a.a2, a.a2_leading, at.m, a.m, k, k_end);
    tiles_b.begin(a.b2, a.b2_leading, at.n, a.n, k, k_end);
}
#else
DEVICE int depth(const Args& a) { return a.k; }
DEVICE int first_end(const Args&, int k_end) { return k_end; }
DEVICE int second_tiles(const Args&, int, int) { return 0; }
DEVICE void begin_second(const Args&, TilesA&, TilesB&) {}
#endif

KERNEL(THREADS, BLOCKS, matmul, Args) {
    DYNAMIC_SHARED(shared);
    Place at = locate(a, blockIdx.x, blockIdx.z);
    int k_begin = at.part * a.part, k_end = least(depth(a), k_begin + a.part);
    int tiles = (k_end - k_begin + DEPTH - 1) / DEPTH;
    const int second = second_tiles(a, k_end, tiles);
    TilesA tiles_a;
    TilesB tiles_b;
    k_end = first_end(a, k_end);
    tiles_a.begin(a.a + at.inner * a.a_inner + at.outer * a.a_outer, a.a_leading, at.m, a.m, k_begin, k_end);
    tiles_b.begin(a.b + at.inner * a.b_inner + at.outer * a.b_outer, a.b_leading, at.n, a.n, k_begin, k_end);
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++) {
        if (s < tiles) {
            if (LOW_RANK && tiles - s == second) begin_second(a, tiles_a, tiles_b);
            tiles_a.copy(shared + s * STAGE_BYTES, 0, 1);
            tiles_b.copy(shared + s * STAGE_BYTES + TilesA::BYTES, 0, 1);
        }
        copies_commit();
    }

    int l8 = lane() >> 3 & 1, l16 = lane() >> 4;
    u32 a_place = TilesA::lane_place(warp() / WARPS_N * WARP_M, l8, l16);  // matrices in the order of multiply_add's a[0..3]
    u32 b_place = TilesB::lane_place(warp() % WARPS_N * WARP_N, l16, l8);  // two pairs of b0, b1
    float sums[FRAGMENTS_M][FRAGMENTS_N][4];
#pragma unroll
    for (int i = 0; i < FRAGMENTS_M; i++) {
#pragma unroll
        for (int j = 0; j < FRAGMENTS_N; j++) sums[i][j][0] = sums[i][j][1] = sums[i][j][2] = sums[i][j][3] = 0.f;
    }

    Fragments fragments[2];
    u32 reading = 0;
    copies_wait<STAGES - 2>();
    barrier();
    fragments[0].load(shared, a_place, b_place, 0);
#pragma unroll 1
    do {
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
            u32 filling = reading == 0 ? (STAGES - 1) * STAGE_BYTES : reading - STAGE_BYTES;
            if (s == STEPS - 1) {
                copies_wait<STAGES - 2>();
                barrier();
                reading = reading == (STAGES - 1) * STAGE_BYTES ? 0 : reading + STAGE_BYTES;
            }
            // Behind the last tile this reads what nobody multiplies.
            fragments[(s + 1) % 2].load(shared + reading, a_place, b_place, (s + 1) % STEPS);
            if (s < STEPS - 1 && tiles >= STAGES) {
                if (LOW_RANK && s == 0 && tiles - (STAGES - 1) == second) begin_second(a, tiles_a, tiles_b);
                tiles_a.copy(shared + filling, s, STEPS - 1);
                tiles_b.copy(shared + filling + TilesA::BYTES, s, STEPS - 1);
            }
            if (s == STEPS - 2) copies_commit();
            fragments[s % 2].multiply(sums);
        }
    } while (--tiles > 0);

    barrier();
    at = locate(a, again(blockIdx.x), again(blockIdx.z));
    i64 batch = at.inner * a.c_inner + at.outer * a.c_outer + at.part * a.c_part;
    int w = (int)again(threadIdx.x) / WARP;
    store(a, (float*)shared + w * 16 * PITCH, batch, at.m + w / WARPS_N * WARP_M, at.n + w % WARPS_N * WARP_N, sums);
}
