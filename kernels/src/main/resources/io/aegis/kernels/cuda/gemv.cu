// gemv.cu: c = act(x w + bias), or c += x w, for a few rows of x: what it takes is the reading of w, once for up to eight rows.
//
// Shapes   x [batch, M, K] float32, contiguous along K, rows and batches multiples of 4 elements apart; c [batch, M, N] as
//          Output says. w [batch, K, N] of WEIGHT, 16-byte aligned rows of its contiguous dimension:
//              ALONG_K=1   along K, as checkpoints store weights ([N, K]): a warp has a few outputs, its lanes eight weights (of
//                          F32 four) each of their rows of w, so that what they read of x lies close together; `splits` warps may share the outputs, each a stretch of every row
//              ALONG_K=0   along N: lanes take 16 bytes of a row of w, four side by side, the other lanes and warps other k
//          gemv_R computes R rows of x together (1, 2, 4, 8); blocks of the grid's y have further rows.
// Together TOGETHER=1, along K only: weights that share x in one launch. gemv_together_R has up to three of any N, each with blocks of its
//          own; gemv_gated_R gives silu(x gate) (x up), a warp having as many outputs of either. An output is summed as gemv_R sums it.
// Weights  F32, F16, BF16: the product is exact float32 arithmetic on what is stored.
// Order    An output is the same sum in the same order however many rows there are: over k in each lane, over the lanes by a
//          tree, over the warps one by one.
// Tiles    256 threads a block, a warp a few outputs of R rows (ALONG_K=1) or a stretch of K of a block's outputs (ALONG_K=0)
// Shared   a float a warp and output, at the end.
// Barriers one, behind those floats.
#include "product.cuh"
#include "programmatic.cuh"

enum { F32 = 0, F16 = 1, BF16 = 2 };
enum {
    THREADS = 256,
    WARPS = THREADS / WARP,
    BITS = WEIGHT == F32 ? 32 : 16,
    CHUNK = WEIGHT == F32 ? 4 : 8,     // weights that a lane takes at a time
    WORDS = CHUNK * BITS / 32
};

struct Args {
    const float* x;
    const u8* w;
    i64 x_row, x_inner, x_outer;  // x_row below 2^28
    i64 w_row, w_inner, w_outer;  // in bytes; a row: of the contiguous dimension
    i64 c_inner, c_outer;
    Output c;
    i32 m, n, k;
    i32 inner;   // size of the inner batch dimension
    i32 splits;  // warps that share their outputs in dot: 1, 2, 4 or 8
    i32 unused;
};

// A chunk of w, which is read once.
DEVICE void load_words(u32 (&words)[WORDS], const u8* p) {
    Word4 v = load16_once(p);
    words[0] = v.x, words[1] = v.y, words[2] = v.z, words[3] = v.w;
}

// A chunk as floats.
DEVICE void widen(const u32 (&words)[WORDS], float (&f)[CHUNK]) {
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
        u32 word = words[i * BITS / 32];
        if constexpr (WEIGHT == F32) {
            f[i] = as_float(word);
        } else if constexpr (WEIGHT == F16) {
            f[i] = to_float(f16{(u16)(word >> i % 2 * 16)});
        } else {
            f[i] = as_float(i % 2 == 0 ? word << 16 : word & 0xffff0000u);
        }
    }
}

DEVICE void read_chunk(const float* x, float (&v)[CHUNK]) {
#pragma unroll
    for (int i = 0; i < CHUNK; i += 4) {
        Word4 w = load16(x + i);
        v[i] = as_float(w.x), v[i + 1] = as_float(w.y), v[i + 2] = as_float(w.z), v[i + 3] = as_float(w.w);
    }
}

DEVICE float single(const u8* w) {
    if constexpr (WEIGHT == F16) return to_float(*(const f16*)w);
    if constexpr (WEIGHT == BF16) return to_float(*(const bf16*)w);
    return *(const float*)w;
}

#if ALONG_K

// sums += x w over one chunk of each of the warp's rows of w; `rows`: where those of x begin.
template <int ROWS, int OUTPUTS>
DEVICE void multiply_chunk(const float* x, const int (&rows)[ROWS], int chunk, const u32 (&w)[OUTPUTS][WORDS],
                           float (&sums)[ROWS][OUTPUTS]) {
    float f[OUTPUTS][CHUNK];
#pragma unroll
    for (int o = 0; o < OUTPUTS; o++) widen(w[o], f[o]);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        float v[CHUNK];
        read_chunk(x + (rows[r] + chunk * CHUNK), v);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
#pragma unroll
            for (int o = 0; o < OUTPUTS; o++) sums[r][o] = fmaf(v[i], f[o][i], sums[r][o]);
        }
    }
}

// Of the first row of w that a warp of `outputs` reads, the 128 bytes of this lane: what can be fetched before x is there.
DEVICE const u8* soon(const Args& a, int block, int outputs) {
    int split = warp() % a.splits, n = (block * (WARPS / a.splits) + warp() / a.splits) * outputs;
    return a.w + least(n, a.n - 1) * a.w_row + least((split * WARP + lane()) * 128, a.k / CHUNK * WORDS * 4);
}

// AHEAD chunks of each row of w are on their way at a time; `block` is which of those that have this weight. With GATED the second half
// of a warp's outputs are the same columns of another weight, `up`, which lies as w does.
template <int ROWS, int OUTPUTS, int AHEAD, bool GATED> DEVICE void dot(const Args& a, int block, const u8* up, float* room) {
    const int COLUMNS = GATED ? OUTPUTS / 2 : OUTPUTS;
    i64 inner = blockIdx.z % a.inner, outer = blockIdx.z / a.inner;
    int m0 = (int)blockIdx.y * ROWS;
    int split = warp() % a.splits, n0 = (block * (WARPS / a.splits) + warp() / a.splits) * COLUMNS;
    const float* x = a.x + inner * a.x_inner + outer * a.x_outer + m0 * a.x_row;
    int rows[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) rows[r] = least(r, a.m - 1 - m0) * (int)a.x_row;
    const u8* w[OUTPUTS];
#pragma unroll
    for (int o = 0; o < OUTPUTS; o++) {
        int n = least(n0 + o % COLUMNS, a.n - 1);
        w[o] = (o < COLUMNS ? a.w : up) + inner * a.w_inner + outer * a.w_outer + n * a.w_row;
    }
    float sums[ROWS][OUTPUTS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++) sums[r][o] = 0.f;
    }

    int chunks = a.k / CHUNK, step = a.splits * WARP, chunk = split * WARP + lane();
#pragma unroll 1
    for (; chunk < chunks; chunk += AHEAD * step) {
        u32 words[AHEAD][OUTPUTS][WORDS];
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (chunk + i * step >= chunks) break;
#pragma unroll
            for (int o = 0; o < OUTPUTS; o++) load_words(words[i][o], w[o] + (i64)(chunk + i * step) * (WORDS * 4));
        }
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (chunk + i * step < chunks) multiply_chunk(x, rows, chunk + i * step, words[i], sums);
        }
    }
    // What is left of K, an element a lane.
    int k = chunks * CHUNK + lane();
    if (k < a.k && split == 0) {
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++) {
            float f = single(w[o] + (i64)k * (BITS / 8));
#pragma unroll
            for (int r = 0; r < ROWS; r++) sums[r][o] = fmaf(x[rows[r] + k], f, sums[r][o]);
        }
    }

#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++) {
            float sum = warp_sum(sums[r][o]);
            if (lane() == 0) room[warp() * (ROWS * OUTPUTS) + r * OUTPUTS + o] = sum;
        }
    }
    barrier();
    // A thread an element of c: first its place among those of a warp, then the warp.
    int i = (int)threadIdx.x, row = i / COLUMNS % ROWS, column = i % COLUMNS, team = i / (ROWS * COLUMNS);
    if (team < WARPS / a.splits) {
        const float* sums_of = room + team * a.splits * (ROWS * OUTPUTS) + row * OUTPUTS + column;
        float sum = 0.f, through = 0.f;
        for (int s = 0; s < a.splits; s++) {
            sum += sums_of[s * (ROWS * OUTPUTS)];
            if (GATED) through += sums_of[s * (ROWS * OUTPUTS) + COLUMNS];
        }
        if (GATED) sum = activate(SILU, sum) * through;
        int m = m0 + row, n = (block * (WARPS / a.splits) + team) * COLUMNS + column;
        if (m < a.m && n < a.n) finish(a.c, inner * a.c_inner + outer * a.c_outer, m, n, sum);
    }
}

#ifndef TOGETHER
#define GEMV(rows, outputs, ahead, blocks)                                \
    KERNEL(THREADS, blocks, gemv_##rows, Args) {                          \
        wait_for_previous(soon(a, (int)blockIdx.x, (outputs)));           \
        SHARED(float, room, WARPS * rows * (outputs));                    \
        dot<rows, (outputs), (ahead), false>(a, (int)blockIdx.x, 0, room); \
    }
#else
struct Several {
    Args of[3];
    i32 first[4];  // block of each; as many as there are in all where there is none
};
// Which of them a block works for, and its place among the blocks of that.
DEVICE int which(const Several& a) { return ((int)blockIdx.x >= a.first[1]) + ((int)blockIdx.x >= a.first[2]); }
DEVICE int place(const Several& a) { return (int)blockIdx.x - a.first[which(a)]; }
struct Gated {
    Args gate;
    const u8* up;
};
#define GEMV(rows, outputs, ahead, blocks)                                           \
    KERNEL(THREADS, blocks, gemv_together_##rows, Several) {                         \
        wait_for_previous(soon(a.of[which(a)], place(a), (outputs)));                \
        SHARED(float, room, WARPS * rows * (outputs));                               \
        dot<rows, (outputs), (ahead), false>(a.of[which(a)], place(a), 0, room);     \
    }                                                                                \
    KERNEL(THREADS, blocks, gemv_gated_##rows, Gated) {                              \
        wait_for_previous(soon(a.gate, (int)blockIdx.x, (outputs) / 2));             \
        SHARED(float, room, WARPS * rows * (outputs));                               \
        dot<rows, (outputs), (ahead), true>(a.gate, (int)blockIdx.x, a.up, room);    \
    }
#endif
GEMV(1, 2, 4, 4)
GEMV(2, 2, 4, 2)
// More outputs a warp where registers allow, so that x takes less of the first-level cache's time.
GEMV(4, 4, 1, 2)
GEMV(8, 2, 2, 2)

#else

enum {
    SIDE_BY_SIDE = 4,                             // lanes along N
    TOGETHER = WARP / SIDE_BY_SIDE,               // k that a warp takes at once
    COLUMNS = SIDE_BY_SIDE * CHUNK                // of a block
};

template <int ROWS, int AHEAD> DEVICE void sum(const Args& a, float* room) {
    i64 inner = blockIdx.z % a.inner, outer = blockIdx.z / a.inner;
    int m0 = (int)blockIdx.y * ROWS, column = lane() % SIDE_BY_SIDE * CHUNK, n = (int)blockIdx.x * COLUMNS + column;
    const float* x = a.x + inner * a.x_inner + outer * a.x_outer + m0 * a.x_row;
    int rows[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) rows[r] = least(r, a.m - 1 - m0) * (int)a.x_row;
    const u8* w = a.w + inner * a.w_inner + outer * a.w_outer + (i64)n * (BITS / 8);
    float sums[ROWS][CHUNK];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int i = 0; i < CHUNK; i++) sums[r][i] = 0.f;
    }
    const int step = WARPS * TOGETHER;
    int k = warp() * TOGETHER + lane() / SIDE_BY_SIDE;
    if (n + CHUNK <= a.n) {
        for (; k < a.k; k += AHEAD * step) {
            u32 words[AHEAD][WORDS] = {};
#pragma unroll
            for (int i = 0; i < AHEAD; i++) {
                if (k + i * step < a.k) load_words(words[i], w + (k + i * step) * a.w_row);
            }
#pragma unroll
            for (int i = 0; i < AHEAD; i++) {
                if (k + i * step >= a.k) continue;
                float f[CHUNK];
                widen(words[i], f);
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    float v = x[rows[r] + k + i * step];
#pragma unroll
                    for (int j = 0; j < CHUNK; j++) sums[r][j] = fmaf(v, f[j], sums[r][j]);
                }
            }
        }
    } else if (n < a.n) {
        for (; k < a.k; k += step) {
#pragma unroll
            for (int j = 0; j < CHUNK; j++) {
                if (n + j >= a.n) continue;
                float f = single(w + k * a.w_row + j * (BITS / 8));
#pragma unroll
                for (int r = 0; r < ROWS; r++) sums[r][j] = fmaf(x[rows[r] + k], f, sums[r][j]);
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int j = 0; j < CHUNK; j++) {
            float s = sums[r][j];
#pragma unroll
            for (int l = WARP / 2; l >= SIDE_BY_SIDE; l /= 2) s += shuffle_xor(s, l);
            if (lane() < SIDE_BY_SIDE) room[(r * WARPS + warp()) * COLUMNS + column + j] = s;
        }
    }
    barrier();
    for (int i = (int)threadIdx.x; i < ROWS * COLUMNS; i += THREADS) {
        int r = i / COLUMNS, j = i % COLUMNS, at = (int)blockIdx.x * COLUMNS + j;
        float s = 0.f;
#pragma unroll
        for (int l = 0; l < WARPS; l++) s += room[(r * WARPS + l) * COLUMNS + j];
        if (m0 + r < a.m && at < a.n) finish(a.c, inner * a.c_inner + outer * a.c_outer, m0 + r, at, s);
    }
}

#define GEMV(rows, ahead)                                 \
    KERNEL(THREADS, 2, gemv_##rows, Args) {               \
        wait_for_previous();                              \
        SHARED(float, room, rows * WARPS * COLUMNS);      \
        sum<rows, ahead>(a, room);                        \
    }
GEMV(1, 8)
GEMV(2, 8)
GEMV(4, 4)
GEMV(8, 4)

#endif
