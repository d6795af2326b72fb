// attention_f32.cu: attention in float32 throughout, forward and backward: no operand is rounded, no function approximated.
//
//   forward    S = scale Q K^T   P = exp(S - max) where seen   O = P V / rowsum P   LSE = max + log rowsum P
//   backward   P = exp(S - LSE) where seen   dS = scale P * (dO V^T - delta)   dQ = dS K   dK = dS^T Q   dV = P^T dO
//
// Shapes    Q, O, dO, dQ [B, Hq, N, d]   K, V, dK, dV [B, Hkv, M, d]   LSE, delta [B, Hq, ..]   all float32; rows dense, at multiples of 16 bytes where they are read
// Variants  DIM 64 | 128 | 256: at least d, so that a row of results fits into registers
// Tile      64 rows of results x 64 rows they meet, 256 threads. Thread (ty, tx), 16 x 16 of them, has rows 4 ty + i of both the
//           scores (columns tx + 16 j) and the results (columns 4 tx + i + 64 g), so a half of a warp has whole rows.
// Shared    stage: two times 64 rows of 32 columns on their way into scores, or 64 rows of 64 columns on their way into results (18 KB)
//           factor: the 64 x 64 of P or dS (17 KB)
// Barriers  before a stage is read, and after it (two a stage); the factor is written between two of them
// Blocks    attention_forward_f32 and attention_query_gradient_f32 have 64 queries, attention_key_gradients_f32 has 64 keys and goes
//           through the queries of all heads of their group: nothing is added by two blocks, so results never vary
// Masks     keys that nobody sees are read as zeros; what a query does not see is left out of its sums, whatever it holds
// PACKED    (defined or not) sequences in the same rows, see sequences.cuh: a block has 64 queries or keys of one of them
#include "common.cuh"
#ifdef PACKED
#include "sequences.cuh"
#endif

enum { TILE = 64, THREADS = 256, SLICE = 32, SLICE_PITCH = SLICE + 4, FACTOR_PITCH = TILE + 4, GROUPS = DIM / 64, BLOCKS = DIM <= 128 ? 2 : 1 };
#define INFINITE as_float(0x7f800000u)

// A view [B, H, rows, d]; strides in elements.
struct Heads {
    float* data;
    i64 batch, head;
    i32 row, unused;
};
DEVICE float* head_of(const Heads& x, int b, int h) { return x.data + b * x.batch + h * x.head; }
DEVICE void move(Heads& x, int rows) {
    if (x.data) x.data += (i64)rows * x.row;
}

struct Args {
    Heads q, k, v, out, dout, dq, dk, dv;  // results that nobody wants have data 0
    float* lse;                            // forward: to be written, or null, strided
    i64 lse_batch, lse_head, lse_row;
    const float *scaled, *delta;  // backward: [B, Hq, padded], of attention_delta
    const u32* seen;              // [B, words], a bit a key; or null
    i32 words, heads, group, n, m, d, causal, padded;
    float scale;
};

// Rows first .. first + 63 of a head, as far as there are `count`; those whose bit of `seen` is 0 are zeros.
struct Strip {
    const float* data;
    i32 row;
    int first, count;
    const u32* seen;
};
// Starts the copy of 4 columns of a row; what is not there becomes zero.
DEVICE void copy(float* to, const Strip& x, int row, int column, int d) {
    int at = x.first + row;
    bool there = at < x.count && (!x.seen || x.seen[at / 32] >> at % 32 & 1);
    copy_async16(to, x.data + (i64)at * x.row + column, there ? min(16, max(0, 4 * (d - column))) : 0);
}

struct Room {
    float *stage, *factor;
};

DEVICE int tx() { return (int)threadIdx.x % 16; }
DEVICE int ty() { return (int)threadIdx.x / 16; }

// s = A B^T: of rows 4 ty + i of A and tx + 16 j of B.
DEVICE void products(float (&s)[4][4], const Strip& a, const Strip& b, int d, const Room& room) {
#pragma unroll
    for (int i = 0; i < 16; i++) s[i / 4][i % 4] = 0;
    float *left = room.stage, *right = room.stage + TILE * SLICE_PITCH;
    for (int from = 0; from < d; from += SLICE) {
#pragma unroll
        for (int i = (int)threadIdx.x; i < TILE * SLICE / 4; i += THREADS) {
            int row = i / (SLICE / 4), c = i % (SLICE / 4) * 4;
            copy(left + row * SLICE_PITCH + c, a, row, from + c, d);
            copy(right + row * SLICE_PITCH + c, b, row, from + c, d);
        }
        copies_commit();
        copies_wait<0>();
        barrier();
        int width = min(SLICE, d - from);
#pragma unroll 1
        for (int c = 0; c < width; c += 4) {
            Word4 x[4];
#pragma unroll
            for (int i = 0; i < 4; i++) x[i] = load16(left + (4 * ty() + i) * SLICE_PITCH + c);
#pragma unroll
            for (int j = 0; j < 4; j++) {
                Word4 y = load16(right + (tx() + 16 * j) * SLICE_PITCH + c);
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    s[i][j] = fmaf(as_float(x[i].x), as_float(y.x), s[i][j]);
                    s[i][j] = fmaf(as_float(x[i].y), as_float(y.y), s[i][j]);
                    s[i][j] = fmaf(as_float(x[i].z), as_float(y.z), s[i][j]);
                    s[i][j] = fmaf(as_float(x[i].w), as_float(y.w), s[i][j]);
                }
            }
        }
        barrier();
    }
}

typedef float Results[4][GROUPS][4];

DEVICE void clear(Results& r) {
#pragma unroll
    for (int i = 0; i < 16 * GROUPS; i++) (&r[0][0][0])[i] = 0;
}

// This thread's scores become the factor of add_product(), behind the next barrier.
DEVICE void keep(const float (&s)[4][4], const Room& room) {
#pragma unroll
    for (int i = 0; i < 16; i++) room.factor[(4 * ty() + i / 4) * FACTOR_PITCH + tx() + 16 * (i % 4)] = s[i / 4][i % 4];
}

// r += F B, F the factor. With `gaps`, where F is 0 it does not matter what B holds.
DEVICE void add_product(Results& r, const Strip& b, int d, bool gaps, const Room& room) {
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        if (64 * g >= d) break;
#pragma unroll 1
        for (int i = (int)threadIdx.x; i < TILE * 16; i += THREADS) copy(room.stage + 4 * i, b, i / 16, 64 * g + i % 16 * 4, d);
        copies_commit();
        copies_wait<0>();
        barrier();
#pragma unroll 1
        for (int c = 0; c < TILE; c += 4) {
            float f[4][4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                Word4 w = load16(room.factor + (4 * ty() + i) * FACTOR_PITCH + c);
                f[i][0] = as_float(w.x), f[i][1] = as_float(w.y), f[i][2] = as_float(w.z), f[i][3] = as_float(w.w);
            }
#pragma unroll
            for (int k = 0; k < 4; k++) {
                Word4 w = load16(room.stage + (c + k) * 64 + 4 * tx());
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    if (gaps && f[i][k] == 0) continue;
                    r[i][g][0] = fmaf(f[i][k], as_float(w.x), r[i][g][0]);
                    r[i][g][1] = fmaf(f[i][k], as_float(w.y), r[i][g][1]);
                    r[i][g][2] = fmaf(f[i][k], as_float(w.z), r[i][g][2]);
                    r[i][g][3] = fmaf(f[i][k], as_float(w.w), r[i][g][3]);
                }
            }
        }
        barrier();
    }
}

DEVICE void store(const Results& r, float* head, i32 row, int first, int count, int d, const float (&by)[4]) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int at = first + 4 * ty() + i;
#pragma unroll
        for (int c = 0; c < 4 * GROUPS; c++) {
            int column = c / 4 * 64 + 4 * tx() + c % 4;
            if (at < count && column < d) head[(i64)at * row + column] = r[i][c / 4][c % 4] * by[i];
        }
    }
}

// Over the 16 threads that have a row.
DEVICE float row_max(float x) {
#pragma unroll
    for (int m = 8; m > 0; m /= 2) x = fmaxf(x, shuffle_xor(x, m));
    return x;
}
DEVICE float row_sum(float x) {
#pragma unroll
    for (int m = 8; m > 0; m /= 2) x += shuffle_xor(x, m);
    return x;
}

DEVICE bool sees(const Args& a, const u32* seen, int query, int key) {
    return key < a.m && query < a.n && (!a.causal || key <= query + a.m - a.n) && (!seen || seen[key / 32] >> key % 32 & 1);
}
// Keys that the queries from `first` on, 64 of them, look at: those below this one.
DEVICE int keys_of(const Args& a, int first) { return a.causal ? max(0, min(a.m, first + TILE + a.m - a.n)) : a.m; }

// 64 queries of a head, by a block.
DEVICE void forward(const Args& a, const Room& room, int first, int h, int b) {
    const u32* seen = a.seen ? a.seen + b * a.words : nullptr;
    Strip q = {head_of(a.q, b, h), a.q.row, first, a.n, nullptr};

    Results o;
    clear(o);
    float max[4], sum[4];
#pragma unroll
    for (int i = 0; i < 4; i++) max[i] = -INFINITE, sum[i] = 0;
    int end = keys_of(a, first);
    for (int key = 0; key < end; key += TILE) {
        Strip k = {head_of(a.k, b, h / a.group), a.k.row, key, a.m, seen};
        Strip v = {head_of(a.v, b, h / a.group), a.v.row, key, a.m, seen};
        float s[4][4];
        products(s, q, k, a.d, room);
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int j = 0; j < 4; j++) s[i][j] = sees(a, seen, first + 4 * ty() + i, key + tx() + 16 * j) ? s[i][j] * a.scale : -INFINITE;
            float top = fmaxf(max[i], row_max(fmaxf(fmaxf(s[i][0], s[i][1]), fmaxf(s[i][2], s[i][3]))));
            float base = top == -INFINITE ? 0 : top;  // a row that has seen nothing yet
            float shrink = expf(max[i] - base);
            max[i] = top;
            sum[i] *= shrink;
#pragma unroll
            for (int j = 0; j < 4; j++) {
                s[i][j] = expf(s[i][j] - base);
                sum[i] += s[i][j];
            }
#pragma unroll
            for (int c = 0; c < 4 * GROUPS; c++) o[i][c / 4][c % 4] *= shrink;
        }
        keep(s, room);
        add_product(o, v, a.d, a.causal && key + TILE > first + 1 + a.m - a.n, room);
    }
    float share[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float all = row_sum(sum[i]);
        share[i] = all == 0 ? 0 : 1 / all;
        int at = first + 4 * ty() + i;
        if (a.lse && tx() == 0 && at < a.n) a.lse[b * a.lse_batch + h * a.lse_head + at * a.lse_row] = all == 0 ? -INFINITE : max[i] + logf(all);
    }
    store(o, head_of(a.out, b, h), a.out.row, first, a.n, a.d, share);
}

DEVICE void query_gradient(const Args& a, const Room& room, int first, int h, int b) {
    const u32* seen = a.seen ? a.seen + b * a.words : nullptr;
    Strip q = {head_of(a.q, b, h), a.q.row, first, a.n, nullptr};
    Strip dout = {head_of(a.dout, b, h), a.dout.row, first, a.n, nullptr};
    i32 row = (b * a.heads + h) * a.padded + first + 4 * ty();  // padded to whole tiles

    Results dq;
    clear(dq);
    int end = keys_of(a, first);
    for (int key = 0; key < end; key += TILE) {
        Strip k = {head_of(a.k, b, h / a.group), a.k.row, key, a.m, seen};
        Strip v = {head_of(a.v, b, h / a.group), a.v.row, key, a.m, seen};
        float s[4][4], dp[4][4];
        products(s, q, k, a.d, room);
        products(dp, dout, v, a.d, room);
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int j = 0; j < 4; j++) {
                bool seeing = sees(a, seen, first + 4 * ty() + i, key + tx() + 16 * j);
                s[i][j] = seeing ? a.scale * expf(s[i][j] * a.scale - a.scaled[row + i]) * (dp[i][j] - a.delta[row + i]) : 0;
            }
        }
        keep(s, room);
        add_product(dq, k, a.d, a.causal && key + TILE > first + 1 + a.m - a.n, room);
    }
    const float one[4] = {1, 1, 1, 1};
    store(dq, head_of(a.dq, b, h), a.dq.row, first, a.n, a.d, one);
}

// 64 keys of a head, by a block.
DEVICE void key_gradients(const Args& a, const Room& room, int first, int h, int b) {
    const u32* seen = a.seen ? a.seen + b * a.words : nullptr;
    Strip k = {head_of(a.k, b, h), a.k.row, first, a.m, seen};
    Strip v = {head_of(a.v, b, h), a.v.row, first, a.m, seen};

    Results dk, dv;
    clear(dk);
    clear(dv);
    int start = a.causal ? max(0, first - (a.m - a.n)) / TILE * TILE : 0;  // earlier queries see none of these keys
    for (int g = h * a.group; g < (h + 1) * a.group; g++) {
        for (int query = start; query < a.n; query += TILE) {
            Strip q = {head_of(a.q, b, g), a.q.row, query, a.n, nullptr};
            Strip dout = {head_of(a.dout, b, g), a.dout.row, query, a.n, nullptr};
            i32 column = (b * a.heads + g) * a.padded + query + tx();
            bool gaps = a.causal && first + TILE > query + 1 + a.m - a.n;
            float p[4][4], dp[4][4];
            products(p, k, q, a.d, room);
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    bool seeing = sees(a, seen, query + tx() + 16 * j, first + 4 * ty() + i);
                    p[i][j] = seeing ? expf(p[i][j] * a.scale - a.scaled[column + 16 * j]) : 0;
                }
            }
            if (a.dv.data) {
                keep(p, room);
                add_product(dv, dout, a.d, gaps, room);
            }
            if (a.dk.data) {
                products(dp, v, dout, a.d, room);
#pragma unroll
                for (int i = 0; i < 16; i++) {
                    float& x = p[i / 4][i % 4];
                    x = x == 0 ? 0 : a.scale * x * (dp[i / 4][i % 4] - a.delta[column + 16 * (i % 4)]);
                }
                keep(p, room);
                add_product(dk, q, a.d, gaps, room);
            }
        }
    }
    // Of keys that nobody sees they are 0, whatever came out: queries may hold what is not finite.
    if (seen) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int key = first + 4 * ty() + i;
            if (key < a.m && seen[key / 32] >> key % 32 & 1) continue;
#pragma unroll
            for (int c = 0; c < 4 * GROUPS; c++) dk[i][c / 4][c % 4] = dv[i][c / 4][c % 4] = 0;
        }
    }
    const float one[4] = {1, 1, 1, 1};
    if (a.dv.data) store(dv, head_of(a.dv, b, h), a.dv.row, first, a.m, a.d, one);
    if (a.dk.data) store(dk, head_of(a.dk, b, h), a.dk.row, first, a.m, a.d, one);
}

// Under 8.0 the compiler spills at 128 registers what it does not elsewhere.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 800
enum { GRADIENT_BLOCKS = 1 };
#else
enum { GRADIENT_BLOCKS = BLOCKS };
#endif

#ifdef PACKED
DEVICE int place_of(const Args& a, const Sequence& s, int tile) { return (a.causal ? (s.queries - 1) / TILE - tile : tile) * TILE; }
DEVICE Args all_of(const Packed<Args>& packed, const Sequence& s) {
    Args a = backward_of(packed, s);
    move(a.out, s.query);
    if (a.lse) a.lse += s.query * a.lse_row;
    return a;
}
KERNEL(THREADS, BLOCKS, attention_forward_f32_packed, Packed<Args>) {
    SHARED(float, stage, 2 * TILE * SLICE_PITCH);
    SHARED(float, factor, TILE * FACTOR_PITCH);
    Room room = {stage, factor};
    int slots = a.query_slots<TILE>(), tile;
    Sequence s;
    if (!queries_at<TILE>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    forward(all_of(a, s), room, place_of(a.all, s, tile), (int)(blockIdx.x / slots), 0);
}
KERNEL(THREADS, GRADIENT_BLOCKS, attention_query_gradient_f32_packed, Packed<Args>) {
    SHARED(float, stage, 2 * TILE * SLICE_PITCH);
    SHARED(float, factor, TILE * FACTOR_PITCH);
    Room room = {stage, factor};
    int slots = a.query_slots<TILE>(), tile;
    Sequence s;
    if (!queries_at<TILE>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    query_gradient(all_of(a, s), room, place_of(a.all, s, tile), (int)(blockIdx.x / slots), 0);
}
KERNEL(THREADS, 1, attention_key_gradients_f32_packed, Packed<Args>) {
    SHARED(float, stage, 2 * TILE * SLICE_PITCH);
    SHARED(float, factor, TILE * FACTOR_PITCH);
    Room room = {stage, factor};
    int slots = a.key_slots<TILE>(), tile;
    Sequence s;
    if (!keys_at<TILE>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    key_gradients(all_of(a, s), room, tile * TILE, (int)(blockIdx.x / slots), 0);
}
#else
// This block's tile of queries.
DEVICE int place_of(const Args& a, int tiles) {
    int tile = (int)(blockIdx.x % tiles);
    return (a.causal ? tiles - 1 - tile : tile) * TILE;
}
KERNEL(THREADS, BLOCKS, attention_forward_f32, Args) {
    SHARED(float, stage, 2 * TILE * SLICE_PITCH);
    SHARED(float, factor, TILE * FACTOR_PITCH);
    Room room = {stage, factor};
    int tiles = (a.n + TILE - 1) / TILE;
    forward(a, room, place_of(a, tiles), (int)(blockIdx.x / tiles % a.heads), (int)(blockIdx.x / tiles / a.heads));
}
KERNEL(THREADS, GRADIENT_BLOCKS, attention_query_gradient_f32, Args) {
    SHARED(float, stage, 2 * TILE * SLICE_PITCH);
    SHARED(float, factor, TILE * FACTOR_PITCH);
    Room room = {stage, factor};
    int tiles = (a.n + TILE - 1) / TILE;
    query_gradient(a, room, place_of(a, tiles), (int)(blockIdx.x / tiles % a.heads), (int)(blockIdx.x / tiles / a.heads));
}
KERNEL(THREADS, 1, attention_key_gradients_f32, Args) {
    SHARED(float, stage, 2 * TILE * SLICE_PITCH);
    SHARED(float, factor, TILE * FACTOR_PITCH);
    Room room = {stage, factor};
    int tiles = (a.m + TILE - 1) / TILE, heads = a.heads / a.group;
    key_gradients(a, room, (int)(blockIdx.x % tiles) * TILE, (int)(blockIdx.x / tiles % heads), (int)(blockIdx.x / tiles / heads));
}
#endif
