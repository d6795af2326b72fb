// attention_backward.cu: the gradients of attention.cu on the matrix units (Dao, arXiv 2307.08691), without atomics.
//
//   P = 2^(c q k - lse')   dS = P * (dO V^T - delta)   dV = P^T dO   dK = scale dS^T Q   dQ = scale dS K
//   c = scale log2(e); lse' = LSE log2(e) and delta = rowsum(dO * O) come from attention_delta
//
// Shapes    Q, dO, dQ [B, Hq, N, d]   K, V, dK, dV [B, Hkv, M, d]   lse', delta [B, Hq, padded] float32
//           factors are TYPE (P and dS are rounded to it), sums and results float32, or results TYPE
// Variants  TYPE bf16 | f16   DIM 64 | 80 | 96 | 128   ROOMY 1 | 0: blocks for 227 KB of shared memory, or for 99 KB
//
// attention_key_gradients     a block has KEYS keys and goes through the queries of all heads of their group. A warp has KEY_BANDS times 16
//     keys and computes S^T = K Q^T and dP^T = V dO^T for 32 queries at a time: their accumulators, rounded, are the left
//     factors of dV += P^T dO and dK += dS^T Q as they are. dK and dV stay in registers.
//         DIM 64           128 keys, 4 warps of 32, stages of 64 queries
//         DIM 80, 96, 128  128 keys, 8 warps of 16, stages of 64 queries; not ROOMY: 64 keys, 4 warps, stages of 32 queries
//     Shared: K, V (KEYS rows each), two stages of Q, dO (QUERIES rows each) and of lse', delta
// attention_query_gradient    a block has 128 queries and goes through the keys that they see; dQ stays in registers.
//         ROOMY            4 warps of 32 queries, Q and dO in shared memory; stages of 64 keys, at DIM 128 of 32
//         not ROOMY        8 warps of 16 queries, Q and dO in registers, read through the place of the stages; 64 keys
//     Shared: two stages of K, V, then Q, dO if they stay
// Barriers  one a stage: the next one is on its way while this one is computed
// Masks     rows that see nothing have lse' = +inf, and so P = 0. Of the keys' gradients only a causal mask needs more: what
//           keys nobody sees get is not stored. Of the queries' gradient, hidden keys have P = 0 by 32 bits a row.
// PACKED    (defined or not) sequences in the same rows, see sequences.cuh: a block has keys or queries of one of them
#include "attention.cuh"
#ifdef PACKED
#include "sequences.cuh"
#endif

enum { KEY_BANDS = DIM == 64 ? 2 : 1, KEYS = ROOMY || DIM <= 80 ? 128 : 64, QUERIES = KEYS / 2, CHUNK = 32 };
enum { KEY_THREADS = KEYS / (16 * KEY_BANDS) * WARP, KEY_BLOCKS = KEY_THREADS == 128 ? 2 : 1, KEYS_HELD = DIM == 80 || DIM == 96 };
enum { QUERY_BANDS = ROOMY ? 2 : 1, QUERY_THREADS = 128 / (16 * QUERY_BANDS) * WARP, QUERY_BLOCKS = ROOMY ? 2 : 1 };
enum { QUERIES_HELD = !ROOMY, STAGE_KEYS = ROOMY && DIM == 128 ? 32 : 64 };

struct Args {
    Rows q, k, v, dout;
    Output dq, dk, dv;
    const float *scaled, *delta;
    const u32* seen;  // [B, words], a bit a key; or null
    i32 words, heads, group, n, m, d, causal, padded;
    float scale;
};

// s = A B^T and t = C D^T for BANDS times 16 rows of A and C and 32 rows of B and D. A and C lie in registers or, if not HELD,
// are read a slice at a time.
template <int BANDS, bool HELD, int HOLD> DEVICE void two_products(float (&s)[BANDS][CHUNK / 8][4], float (&t)[BANDS][CHUNK / 8][4], const u8* shared,
    u32 (&a)[BANDS][HOLD][4], u32 (&c)[BANDS][HOLD][4], int place_a, int place_c, int place_b, int place_d) {
#pragma unroll
    for (int i = 0; i < BANDS * CHUNK / 2; i++) (&s[0][0][0])[i] = (&t[0][0][0])[i] = 0;
#pragma unroll
    for (int slice = 0; slice < SLICES; slice++) {
        if (!HELD) {
#pragma unroll
            for (int band = 0; band < BANDS; band++) {
                load_matrices(a[band][0], shared + place_a + corner(band, slice));
                load_matrices(c[band][0], shared + place_c + corner(band, slice));
            }
        }
#pragma unroll
        for (int block = 0; block < CHUNK / 16; block++) {
            u32 b[4], d[4];
            load_matrices(b, shared + place_b + corner(block, slice));
            load_matrices(d, shared + place_d + corner(block, slice));
#pragma unroll
            for (int band = 0; band < BANDS; band++) {
                multiply_add(s[band][2 * block], a[band][HELD ? slice : 0], b[0], b[2], TYPE());
                multiply_add(s[band][2 * block + 1], a[band][HELD ? slice : 0], b[1], b[3], TYPE());
                multiply_add(t[band][2 * block], c[band][HELD ? slice : 0], d[0], d[2], TYPE());
                multiply_add(t[band][2 * block + 1], c[band][HELD ? slice : 0], d[1], d[3], TYPE());
            }
        }
    }
}

// r += F B, F rounded, for 32 columns of F and rows of B.
template <int BANDS> DEVICE void add_product(float (&r)[BANDS][DIM / 8][4], const float (&f)[BANDS][CHUNK / 8][4], const u8* shared, int place_b) {
#pragma unroll
    for (int block = 0; block < CHUNK / 16; block++) {
        u32 factor[BANDS][4];
#pragma unroll
        for (int band = 0; band < BANDS; band++) round_to_factor(factor[band], f[band][2 * block], f[band][2 * block + 1]);
#pragma unroll
        for (int slice = 0; slice < SLICES; slice++) {
            u32 b[4];
            load_matrices_transposed(b, shared + place_b + corner(block, slice));
#pragma unroll
            for (int band = 0; band < BANDS; band++) {
                multiply_add(r[band][2 * slice], factor[band], b[0], b[1], TYPE());
                multiply_add(r[band][2 * slice + 1], factor[band], b[2], b[3], TYPE());
            }
        }
    }
}

template <int BANDS> DEVICE void clear(float (&r)[BANDS][DIM / 8][4]) {
#pragma unroll
    for (int i = 0; i < BANDS * DIM / 2; i++) (&r[0][0][0])[i] = 0;
}

// Starts the copy of a stage of queries of one head: Q, dO, then lse' and delta.
DEVICE void copy_queries(u8* stage, const Args& a, int b, int h, int first) {
    copy_rows<QUERIES, KEY_THREADS>(stage, head_of(a.q, b, h), a.q.row, first, a.n, a.d, nullptr);
    copy_rows<QUERIES, KEY_THREADS>(stage + QUERIES * PITCH, head_of(a.dout, b, h), a.dout.row, first, a.n, a.d, nullptr);
    int i = (int)threadIdx.x * 4;
    if (i < 2 * QUERIES) {
        const float* from = (i < QUERIES ? a.scaled : a.delta) + ((i64)(b * a.heads + h) * a.padded + first + i % QUERIES);
        copy_async16(stage + 2 * QUERIES * PITCH + i * 4, from, 16);
    }
    copies_commit();
}

// KEYS keys of a head, by a block.
DEVICE void key_gradients(const Args& a, u8* shared, int first, int head, int b) {
    enum { STAGE = 2 * QUERIES * PITCH + 8 * QUERIES, STAGES = 2 * KEYS * PITCH, HOLD = KEYS_HELD ? SLICES : 1 };
    const u32* seen = a.seen ? a.seen + (i64)b * a.words : nullptr;
    int own = first + warp() * 16 * KEY_BANDS + lane() / 4;                              // key of this lane's first row
    int start = a.causal ? max(0, first - (a.m - a.n)) / QUERIES * QUERIES : 0;          // earlier queries see none of these keys
    int shift = a.causal ? a.m - a.n : a.m;                                              // query i sees keys up to i + shift
    int place_k = lane_place() + warp() * 16 * KEY_BANDS * PITCH;
    float c = a.scale * LOG2_E;

    float dk[KEY_BANDS][DIM / 8][4], dv[KEY_BANDS][DIM / 8][4];
    clear(dk);
    clear(dv);
    u32 k[KEY_BANDS][HOLD][4], v[KEY_BANDS][HOLD][4];
    if (start < a.n) {
        copy_rows<KEYS, KEY_THREADS>(shared, head_of(a.k, b, head), a.k.row, first, a.m, a.d, seen);
        copy_rows<KEYS, KEY_THREADS>(shared + KEYS * PITCH, head_of(a.v, b, head), a.v.row, first, a.m, a.d, seen);
        copy_queries(shared + STAGES, a, b, head * a.group, start);
        copies_wait<0>();
        barrier();
        if (KEYS_HELD) {
#pragma unroll
            for (int i = 0; i < KEY_BANDS * HOLD; i++) {
                load_matrices(k[i / HOLD][i % HOLD], shared + place_k + corner(i / HOLD, i % HOLD));
                load_matrices(v[i / HOLD][i % HOLD], shared + place_k + KEYS * PITCH + corner(i / HOLD, i % HOLD));
            }
        }
    }
    int query = start, g = head * a.group;
    for (int stage = 0; query < a.n; stage ^= 1) {
        int next = query + QUERIES, next_g = g;
        if (next >= a.n && g + 1 < (head + 1) * a.group) {
            next = start;
            next_g++;
        }
        if (next < a.n) copy_queries(shared + STAGES + (stage ^ 1) * STAGE, a, b, next_g, next);
        const float* rows = (const float*)(shared + STAGES + stage * STAGE + 2 * QUERIES * PITCH);
#pragma unroll 1
        for (int chunk = 0; chunk < QUERIES; chunk += CHUNK) {
            int place_q = lane_place() + STAGES + stage * STAGE + chunk * PITCH;
            float s[KEY_BANDS][CHUNK / 8][4], dp[KEY_BANDS][CHUNK / 8][4];
            two_products<KEY_BANDS, KEYS_HELD>(s, dp, shared, k, v, place_k, place_k + KEYS * PITCH, place_q, place_q + QUERIES * PITCH);
            bool masked = first + KEYS - 1 > query + chunk + shift;
#pragma unroll
            for (int tile = 0; tile < CHUNK / 8; tile++) {
#pragma unroll
                for (int side = 0; side < 2; side++) {
                    int column = chunk + 8 * tile + 2 * (lane() % 4) + side;
                    float lse = rows[column], delta = rows[QUERIES + column];
#pragma unroll
                    for (int i = 0; i < 2 * KEY_BANDS; i++) {
                        float &x = s[i / 2][tile][i % 2 * 2 + side], &y = dp[i / 2][tile][i % 2 * 2 + side];
                        x = ex2(fmaf(x, c, -lse));
                        if (masked && own + 8 * i > query + column + shift) x = 0;
                        y = x * (y - delta);
                    }
                }
            }
            add_product(dv, s, shared, place_q + QUERIES * PITCH);
            add_product(dk, dp, shared, place_q);
        }
        query = next;
        g = next_g;
        if (query < a.n) {
            copies_wait<0>();
            barrier();
        }
    }
#pragma unroll
    for (int i = 0; i < 2 * KEY_BANDS; i++) {
        int key = own + 8 * i;
        if (key >= a.m) continue;
        bool anybody = !seen || seen[key / 32] >> key % 32 & 1;
        if (!anybody) {
#pragma unroll
            for (int tile = 0; tile < DIM / 8; tile++) {
                dk[i / 2][tile][i % 2 * 2] = dk[i / 2][tile][i % 2 * 2 + 1] = dv[i / 2][tile][i % 2 * 2] = dv[i / 2][tile][i % 2 * 2 + 1] = 0;
            }
        }
        if (a.dk.data) store_row(a.dk, b, head, key, a.d, dk[i / 2], i % 2, a.scale);
        if (a.dv.data) store_row(a.dv, b, head, key, a.d, dv[i / 2], i % 2, 1);
    }
}

// 128 queries of a head, by a block.
DEVICE void query_gradient(const Args& a, u8* shared, int first, int head, int b) {
    enum { STAGE = 2 * STAGE_KEYS * PITCH, HOLD = QUERIES_HELD ? SLICES : 1, Q = QUERIES_HELD ? 0 : 2 * STAGE };
    int further = a.causal ? 1 : 0;
    int shown = a.causal ? first + a.m - a.n + 1 : a.m;        // keys that the first query sees by its place
    int end = a.causal ? min(a.m, shown + 127) : a.m;          // keys that some query sees
    const TYPE* k = head_of(a.k, b, head / a.group);
    const TYPE* v = head_of(a.v, b, head / a.group);
    const u32* seen = a.seen ? a.seen + (i64)b * a.words : nullptr;
    int place_q = lane_place() + Q + warp() * 16 * QUERY_BANDS * PITCH;
    int own = warp() * 16 * QUERY_BANDS + lane() / 4;  // this lane's first row
    float c = a.scale * LOG2_E;

    float dq[QUERY_BANDS][DIM / 8][4];
    clear(dq);
    u32 q[QUERY_BANDS][HOLD][4], dout[QUERY_BANDS][HOLD][4];
    float lse[2 * QUERY_BANDS], delta[2 * QUERY_BANDS];
#pragma unroll
    for (int i = 0; i < 2 * QUERY_BANDS; i++) {
        i64 row = (i64)(b * a.heads + head) * a.padded + first + own + 8 * i;
        lse[i] = a.scaled[row];
        delta[i] = a.delta[row];
    }
    if (end > 0) {
        copy_rows<128, QUERY_THREADS>(shared + Q, head_of(a.q, b, head), a.q.row, first, a.n, a.d, nullptr);
        copy_rows<128, QUERY_THREADS>(shared + Q + 128 * PITCH, head_of(a.dout, b, head), a.dout.row, first, a.n, a.d, nullptr);
        if (QUERIES_HELD) {
            copies_commit();
            copies_wait<0>();
            barrier();
#pragma unroll
            for (int i = 0; i < QUERY_BANDS * HOLD; i++) {
                load_matrices(q[i / HOLD][i % HOLD], shared + place_q + corner(i / HOLD, i % HOLD));
                load_matrices(dout[i / HOLD][i % HOLD], shared + place_q + 128 * PITCH + corner(i / HOLD, i % HOLD));
            }
            barrier();
        }
        copy_rows<STAGE_KEYS, QUERY_THREADS>(shared, k, a.k.row, 0, a.m, a.d, seen);
        copy_rows<STAGE_KEYS, QUERY_THREADS>(shared + STAGE_KEYS * PITCH, v, a.v.row, 0, a.m, a.d, seen);
        copies_commit();
        copies_wait<0>();
        barrier();
    }
    for (int key = 0, stage = 0; key < end; stage ^= 1) {
        int next = key + STAGE_KEYS;
        if (next < end) {
            u8* to = shared + (stage ^ 1) * STAGE;
            copy_rows<STAGE_KEYS, QUERY_THREADS>(to, k, a.k.row, next, a.m, a.d, seen);
            copy_rows<STAGE_KEYS, QUERY_THREADS>(to + STAGE_KEYS * PITCH, v, a.v.row, next, a.m, a.d, seen);
            copies_commit();
        }
#pragma unroll 1
        for (int chunk = 0; chunk < STAGE_KEYS; chunk += CHUNK) {
            int place_k = lane_place() + stage * STAGE + chunk * PITCH;
            float s[QUERY_BANDS][CHUNK / 8][4], dp[QUERY_BANDS][CHUNK / 8][4];
            two_products<QUERY_BANDS, QUERIES_HELD>(s, dp, shared, q, dout, place_q, place_q + 128 * PITCH, place_k, place_k + STAGE_KEYS * PITCH);
            u32 bits = seen && key + chunk < a.m ? seen[(key + chunk) / 32] : lowest(a.m - key - chunk);
            int limit = shown - key - chunk;
            bool masked = bits != 0xffffffffu || limit < CHUNK;
#pragma unroll
            for (int i = 0; i < 2 * QUERY_BANDS; i++) {
                u32 row = (bits & lowest(limit + further * (own + 8 * i))) >> 2 * (lane() % 4);
#pragma unroll
                for (int j = 0; j < CHUNK / 4; j++) {
                    float &x = s[i / 2][j / 2][i % 2 * 2 + j % 2], &y = dp[i / 2][j / 2][i % 2 * 2 + j % 2];
                    x = ex2(fmaf(x, c, -lse[i]));
                    if (masked && !(row >> (j / 2 * 8 + j % 2) & 1)) x = 0;
                    y = x * (y - delta[i]);
                }
            }
            add_product(dq, dp, shared, place_k);
        }
        key = next;
        if (key < end) {
            copies_wait<0>();
            barrier();
        }
    }
#pragma unroll
    for (int i = 0; i < 2 * QUERY_BANDS; i++) {
        int row = first + own + 8 * i;
        if (row < a.n) store_row(a.dq, b, head, row, a.d, dq[i / 2], i % 2, a.scale);
    }
}

#ifdef PACKED
KERNEL(KEY_THREADS, KEY_BLOCKS, attention_key_gradients_packed, Packed<Args>) {
    DYNAMIC_SHARED(shared);
    int slots = a.key_slots<KEYS>(), tile;
    Sequence s;
    if (!keys_at<KEYS>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    key_gradients(backward_of(a, s), shared, tile * KEYS, (int)(blockIdx.x / slots), 0);
}
KERNEL(QUERY_THREADS, QUERY_BLOCKS, attention_query_gradient_packed, Packed<Args>) {
    DYNAMIC_SHARED(shared);
    int slots = a.query_slots<128>(), tile;
    Sequence s;
    if (!queries_at<128>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    query_gradient(backward_of(a, s), shared, (a.all.causal ? (s.queries - 1) / 128 - tile : tile) * 128, (int)(blockIdx.x / slots), 0);
}
#else
KERNEL(KEY_THREADS, KEY_BLOCKS, attention_key_gradients, Args) {
    DYNAMIC_SHARED(shared);
    int tiles = (a.m + KEYS - 1) / KEYS, heads = a.heads / a.group;
    key_gradients(a, shared, (int)(blockIdx.x % tiles) * KEYS, (int)(blockIdx.x / tiles % heads), (int)(blockIdx.x / tiles / heads));
}
KERNEL(QUERY_THREADS, QUERY_BLOCKS, attention_query_gradient, Args) {
    DYNAMIC_SHARED(shared);
    int tiles = (a.n + 127) / 128, tile = (int)(blockIdx.x % tiles);
    query_gradient(a, shared, (a.causal ? tiles - 1 - tile : tile) * 128, (int)(blockIdx.x / tiles % a.heads), (int)(blockIdx.x / tiles / a.heads));
}
#endif
