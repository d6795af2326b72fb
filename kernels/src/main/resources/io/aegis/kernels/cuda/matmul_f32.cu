// matmul_f32.cu: c = act(a b + bias), or c += a b, in float32 throughout.
//
// Shapes   a [batch, M, K], b [batch, K, N], each contiguous along one of its two dimensions (A_ALONG_K, B_ALONG_K: which),
//          with a leading stride that is a multiple of 4 elements, 16-byte aligned; its contiguous dimension has a multiple of
//          4, or is zero up to the next one. c [batch, M, N] as Output says. Any M, N, K from 1 on. Parts of K as in matmul.cu.
// Tiles    TILE_M x TILE_N of c a block, DEPTH of K at once, in two halves of shared memory: while one is multiplied the
//          next tile comes from global memory by way of registers. A thread has SIDE x SIDE elements of c, in groups of four
//          neighbours:
//              product_128x64   DEPTH  8, SIDE 8, 128 threads, 12 KB   3 blocks a multiprocessor
//              product_64x64    DEPTH 16, SIDE 4, 256 threads, 16 KB   3
// Shared   tiles of both operands as [k][m or n], so that a thread reads its four as 16 bytes. Element m of row k lies in
//          place m ^ (k / 4 * 128 / DEPTH): an operand that is contiguous along K arrives as four k of 8 or 16 rows, and the
//          32 elements that a warp then writes must be on different banks.
// Barriers one a tile: the half that is read next is full, and the one that is filled next has been read by all.
#include "product.cuh"


struct Args {
    const float* a;
    const float* b;
    i64 a_leading, b_leading;
    i64 a_inner, a_outer, b_inner, b_outer, c_inner, c_outer;  // strides of the two batch dimensions
    i64 c_part;
    Output c;
    i32 m, n, k;
    i32 part;   // of K, a multiple of 16
    i32 parts;
    i32 inner;  // size of the inner batch dimension
    i32 tiles_m, tiles_n;
};

// The tiles of one operand, of TILE across K.
template <int TILE, int DEPTH, int THREADS, bool ALONG_K> struct Tiles {
    enum {
        FOURS = TILE * DEPTH / 4 / THREADS,        // of a thread
        OF_ROW = (ALONG_K ? DEPTH : TILE) / 4,     // fours side by side
        ROW_STEP = THREADS / OF_ROW
    };

    static DEVICE int place(int k, int across) { return k * TILE + (across ^ k / 4 * (128 / DEPTH)); }

    const float* from;  // this thread's first four of the next tile
    i64 row_stride, tile_stride;
    i32 row, column;    // of it: across K and along it, or the other way round
    i32 extent;         // of the whole operand across K
    float v[FOURS][4];  // on their way

    DEVICE void begin(const float* data, i64 leading, int first, int all, int k) {
        row = (int)threadIdx.x / OF_ROW + (ALONG_K ? first : k);
        column = (int)threadIdx.x % OF_ROW * 4 + (ALONG_K ? k : first);
        from = data + row * leading + column;
        row_stride = ROW_STEP * leading;
        tile_stride = ALONG_K ? DEPTH : DEPTH * leading;
        extent = all;
    }
    DEVICE void read(int k_end) {
        int rows = (ALONG_K ? extent : k_end) - row, columns = (ALONG_K ? k_end : extent) - column;
        const float* p = from;
#pragma unroll
        for (int i = 0; i < FOURS; i++, p += row_stride) {
            Word4 w = {0, 0, 0, 0};
            if (i * ROW_STEP < rows && columns > 0) w = load16(p);
            v[i][0] = as_float(w.x), v[i][1] = as_float(w.y), v[i][2] = as_float(w.z), v[i][3] = as_float(w.w);
        }
        from += tile_stride;
        if (ALONG_K) {
            column += DEPTH;
        } else {
            row += DEPTH;
        }
    }
    DEVICE void write(float* tile) const {
        int r = (int)threadIdx.x / OF_ROW, c = (int)threadIdx.x % OF_ROW * 4;
#pragma unroll
        for (int i = 0; i < FOURS; i++) {
            const float(&x)[4] = v[i];
            if (ALONG_K) {
#pragma unroll
                for (int j = 0; j < 4; j++) tile[place(c + j, r + i * ROW_STEP)] = x[j];
            } else {
                store16(tile + place(r + i * ROW_STEP, c), Word4{as_bits(x[0]), as_bits(x[1]), as_bits(x[2]), as_bits(x[3])});
            }
        }
    }
};

DEVICE void read_side(const float* tile, float* v) {
    Word4 w = load16(tile);
    v[0] = as_float(w.x), v[1] = as_float(w.y), v[2] = as_float(w.z), v[3] = as_float(w.w);
}

// What a block computes: a tile of one of the batch, over one part of K.
struct Place {
    i64 inner, outer;
    i32 part, m, n;
};
DEVICE Place locate(const Args& a, u32 tile, u32 batch) {
    int part = (int)batch % a.parts, i = (int)batch / a.parts;
    return {i % a.inner, i / a.inner, part, (int)tile % a.tiles_m, (int)tile / a.tiles_m};
}

template <int TILE_M, int TILE_N, int DEPTH, int SIDE> DEVICE void product(const Args& a, float* shared) {
    enum {
        THREADS_M = TILE_M / SIDE,
        THREADS_N = TILE_N / SIDE,
        THREADS = THREADS_M * THREADS_N,
        FOURS = SIDE / 4,
        STAGE = (TILE_M + TILE_N) * DEPTH
    };
    typedef Tiles<TILE_M, DEPTH, THREADS, A_ALONG_K> TilesA;
    typedef Tiles<TILE_N, DEPTH, THREADS, B_ALONG_K> TilesB;
    Place at = locate(a, blockIdx.x, blockIdx.z);
    int k = at.part * a.part, k_end = least(a.k, k + a.part);

    // A warp has 4 x 8 threads, so that its operands are 64 and 128 bytes.
    int x = lane() % 8 + warp() % (THREADS_N / 8) * 8, y = lane() / 8 + warp() / (THREADS_N / 8) * 4;
    float sums[SIDE][SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
#pragma unroll
        for (int j = 0; j < SIDE; j++) sums[i][j] = 0.f;
    }

    TilesA tiles_a;
    TilesB tiles_b;
    tiles_a.begin(a.a + at.inner * a.a_inner + at.outer * a.a_outer, a.a_leading, at.m * TILE_M, a.m, k);
    tiles_b.begin(a.b + at.inner * a.b_inner + at.outer * a.b_outer, a.b_leading, at.n * TILE_N, a.n, k);
    tiles_a.read(k_end);
    tiles_b.read(k_end);
    float* half = shared;
#pragma unroll 1
    do {
        tiles_a.write(half);
        tiles_b.write(half + TILE_M * DEPTH);
        barrier();
        k += DEPTH;
        if (k < k_end) {
            tiles_a.read(k_end);
            tiles_b.read(k_end);
        }
#pragma unroll
        for (int l = 0; l < DEPTH; l++) {
            float u[SIDE], v[SIDE];
#pragma unroll
            for (int f = 0; f < FOURS; f++) {
                read_side(half + TilesA::place(l, 4 * (f * THREADS_M + y)), u + 4 * f);
                read_side(half + TILE_M * DEPTH + TilesB::place(l, 4 * (f * THREADS_N + x)), v + 4 * f);
            }
#pragma unroll
            for (int i = 0; i < SIDE; i++) {
#pragma unroll
                for (int j = 0; j < SIDE; j++) sums[i][j] += u[i] * v[j];
            }
        }
        half = half == shared ? shared + STAGE : shared;
    } while (k < k_end);

    // A few sums at a time lie in the thread's own shared memory, where a loop can reach them: so the code behind a product is
    // there once, and the other sums stay in registers.
    barrier();
    at = locate(a, again(blockIdx.x), again(blockIdx.z));
    i64 batch = at.inner * a.c_inner + at.outer * a.c_outer + at.part * a.c_part;
    float* own = shared + 4 * threadIdx.x;
#pragma unroll 1
    for (int r = 0; r < SIDE * FOURS; r += 4) {
#pragma unroll
        for (int i = 0; i < SIDE * FOURS; i++) {
            const float* w = &sums[i / FOURS][i % FOURS * 4];
            if (i / 4 * 4 == r) store16(own + i % 4 * 4 * THREADS, Word4{as_bits(w[0]), as_bits(w[1]), as_bits(w[2]), as_bits(w[3])});
        }
#pragma unroll 1
        for (int i = r; i < r + 4; i++) {
            float w[4];
            read_side(own + i % 4 * 4 * THREADS, w);
            int row = i / FOURS;
            int m = at.m * TILE_M + 4 * (row / 4 * THREADS_M + y) + row % 4;
            int n = at.n * TILE_N + 4 * (i % FOURS * THREADS_N + x);
            finish4(a.c, batch, m, n, m < a.m ? a.n - n : 0, w);
        }
    }
}

KERNEL(128, 3, product_128x64, Args) {
    SHARED(float, shared, 2 * (128 + 64) * 8);
    product<128, 64, 8, 8>(a, shared);
}
KERNEL(256, 3, product_64x64, Args) {
    SHARED(float, shared, 2 * (64 + 64) * 16);
    product<64, 64, 16, 4>(a, shared);
}
