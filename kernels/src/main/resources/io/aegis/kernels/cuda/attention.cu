// attention.cu: O = softmax(scale Q K^T + mask) V on the matrix units, forward (Dao, arXiv 2307.08691).
//
// Shapes    Q, O [B, Hq, N, d]   K, V [B, Hkv, M, d]   LSE [B, Hq, N] float32   Hq a multiple of Hkv
//           Q, K, V are TYPE, O is TYPE or float32; scale > 0
// Variants  TYPE bf16 | f16   DIM 64 | 80 | 96 | 128   ROWS 16 | 32   (attention.cuh has the first two)
// Tile      128 queries x 64 keys; a warp has ROWS queries, so a block has 128 / ROWS warps. With 32 each fragment of K and V
//           that is read from shared memory serves two products; with 16 a block of 8 warps hides more on GPUs where
//           one block fills a multiprocessor.
// Shared    stage 0: K, V   stage 1: K, V (64 DIM elements each)   Q (128 DIM elements): in stage 1 until it is in registers;
//           behind the stages where registers are too few for it (HELD = 0)
//               bytes: 512 DIM, and 256 DIM more where Q stays
// Order     key tiles from the last to the first, so that the masked ones come first. While a tile is computed the next one
//           is on its way; one barrier a tile. Under a causal mask the longest rows of tiles are started first.
// Softmax   m holds a row's maximum in units of q k, and may lag behind it by LAG in the exponent: O and l are rescaled
//           only when it lags more, which is hardly ever after the first tile. P = 2^(c (s - m)), c = scale log2(e), is at most
//           2^LAG, and rounding it to TYPE loses the same share as before. The decision is a row's own.
//               l += rowsum P;  O += P V;  at last O / l, LSE = scale m + log l
// Masks     a tile that some row sees in part is computed by step<true>, with 64 bits a row. Keys that nobody sees (`seen`) are
//           zeros in shared memory, whatever they hold. What a later query's key or value holds must be finite where
//           an earlier query of the same 128 is to be: 0 times infinity is not 0.
// PACKED    (defined or not) sequences in the same rows, see sequences.cuh: a block has 128 queries of one of them
#include "attention.cuh"
#ifdef PACKED
#include "sequences.cuh"
#endif

enum { QUERIES = 128, KEYS = 64, WARPS = QUERIES / ROWS, THREADS = WARPS * WARP, BLOCKS = ROWS == 16 ? 1 : 2 };
// The two registers of a factor b must be neighbours. Keys that lie exchanged are loaded so; others are moved there, a fifth of all
// instructions, but at more columns ptxas then spills a few bytes.
enum { EXCHANGED = DIM <= 80 };
enum { BANDS = ROWS / 16, HELD = ROWS == 16 || DIM <= 64, TILE = KEYS * PITCH };
constexpr float LAG = 8;

struct Args {
    Rows q, k, v;
    Output out;
    float* lse;  // or null
    i64 lse_batch, lse_head, lse_row;
    const u32* seen;  // [B, words], a bit a key; or null
    i64 words;
    i32 heads, group, n, m, d, causal;
    float scale;
};

// Rows 16 band + lane / 4 and 8 further, of a warp's ROWS: [band][0 and 1].
struct Warp {
    float o[BANDS][DIM / 8][4];
    float max[BANDS][2], sum[BANDS][2];
    u32 q[BANDS][HELD ? SLICES : 1][4];
};

// Scores of the warp's rows and a tile's keys, in units of q k.
DEVICE void scores(float (&s)[BANDS][KEYS / 8][4], Warp& w, const u8* shared, int q, int k) {
#pragma unroll
    for (int i = 0; i < BANDS * KEYS / 2; i++) (&s[0][0][0])[i] = 0;
#pragma unroll
    for (int slice = 0; slice < SLICES; slice++) {
        if (!HELD) {
#pragma unroll
            for (int band = 0; band < BANDS; band++) load_matrices(w.q[band][0], shared + q + corner(band, slice));
        }
#pragma unroll
        for (int block = 0; block < KEYS / 16; block++) {
            u32 r[4];
            load_matrices(r, shared + k + corner(block, slice));
#pragma unroll
            for (int band = 0; band < BANDS; band++) {
                multiply_add(s[band][2 * block], w.q[band][HELD ? slice : 0], r[0], r[EXCHANGED ? 1 : 2], TYPE());
                multiply_add(s[band][2 * block + 1], w.q[band][HELD ? slice : 0], r[EXCHANGED ? 2 : 1], r[3], TYPE());
            }
        }
    }
}

// O += P V, P rounded.
DEVICE void add_values(Warp& w, const float (&p)[BANDS][KEYS / 8][4], const u8* shared, int v) {
#pragma unroll
    for (int block = 0; block < KEYS / 16; block++) {
        u32 factor[BANDS][4];
#pragma unroll
        for (int band = 0; band < BANDS; band++) round_to_factor(factor[band], p[band][2 * block], p[band][2 * block + 1]);
#pragma unroll
        for (int slice = 0; slice < SLICES; slice++) {
            u32 r[4];
            load_matrices_transposed(r, shared + v + corner(block, slice));
#pragma unroll
            for (int band = 0; band < BANDS; band++) {
                multiply_add(w.o[band][2 * slice], factor[band], r[0], r[1], TYPE());
                multiply_add(w.o[band][2 * slice + 1], factor[band], r[2], r[3], TYPE());
            }
        }
    }
}

// One tile of keys. `limit` is how many of them the warp's first row sees by its place (each further row one more if causal),
// `bits` which ones anybody sees.
template <bool MASKED> DEVICE void step(Warp& w, const u8* shared, int q, int k, float c, int limit, int further, const u32 (&bits)[2]) {
    float s[BANDS][KEYS / 8][4];
    scores(s, w, shared, q, k);
#pragma unroll
    for (int band = 0; band < BANDS; band++) {
        bool grown[2];
        float shrink[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            if (MASKED) {
                int count = limit + further * (16 * band + 8 * half + lane() / 4);
                u32 row[2] = {(bits[0] & lowest(count)) >> 2 * (lane() % 4), (bits[1] & lowest(count - 32)) >> 2 * (lane() % 4)};
#pragma unroll
                for (int tile = 0; tile < KEYS / 8; tile++) {
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        if (!(row[tile / 4] >> (tile % 4 * 8 + i) & 1)) s[band][tile][2 * half + i] = -INFINITE;
                    }
                }
            }
            float top = s[band][0][2 * half];
#pragma unroll
            for (int i = 1; i < KEYS / 4; i++) top = fmaxf(top, s[band][i / 2][2 * half + i % 2]);
            top = fmaxf(top, shuffle_xor(top, 1));
            top = fmaxf(top, shuffle_xor(top, 2));
            float& max = w.max[band][half];
            grown[half] = (top - max) * c > LAG;
            shrink[half] = grown[half] ? ex2((max - top) * c) : 1;
            max = grown[half] ? top : max;
            w.sum[band][half] *= shrink[half];
        }
        if (votes(grown[0] || grown[1])) {
#pragma unroll
            for (int tile = 0; tile < DIM / 8; tile++) {
#pragma unroll
                for (int i = 0; i < 4; i++) w.o[band][tile][i] *= shrink[i / 2];
            }
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float base = w.max[band][half] == -INFINITE ? 0 : w.max[band][half] * c;  // a row that has seen nothing yet
            float& sum = w.sum[band][half];
#pragma unroll
            for (int i = 0; i < KEYS / 4; i++) {
                float& p = s[band][i / 2][2 * half + i % 2];
                p = ex2(fmaf(p, c, -base));
                sum += p;
            }
        }
    }
    add_values(w, s, shared, k + TILE);
}

// One block for 128 queries of a head; x is what a call of its batch, or of its sequence alone, is given. As a function that two entries call
// it was spilled by nvcc on sm_100a.
#ifdef PACKED
KERNEL(THREADS, BLOCKS, attention_forward_packed, Packed<Args>) {
#else
KERNEL(THREADS, BLOCKS, attention_forward, Args) {
#endif
    DYNAMIC_SHARED(shared);
    u8* q = shared + (HELD ? 2 : 4) * TILE;
    int place_q = lane_place() + (HELD ? 2 : 4) * TILE + warp() * ROWS * PITCH;

#ifdef PACKED
    int slots = a.query_slots<QUERIES>(), tile, head = (int)(blockIdx.x / slots), b = 0;
    Sequence s;
    if (!queries_at<QUERIES>(a.sequences, (int)(blockIdx.x % slots), s, tile)) return;
    const Args x = forward_of(a, s);
    int tiles = (x.n + QUERIES - 1) / QUERIES;
#else
    const Args& x = a;
    int tiles = (x.n + QUERIES - 1) / QUERIES;
    int tile = (int)(blockIdx.x % tiles), head = (int)(blockIdx.x / tiles % x.heads), b = (int)(blockIdx.x / tiles / x.heads);
#endif
    if (x.causal) tile = tiles - 1 - tile;
    int first = tile * QUERIES;
    int further = x.causal ? 1 : 0;
    int shown = x.causal ? first + x.m - x.n + 1 : x.m;             // keys that the first query sees by its place
    int end = x.causal ? min(x.m, shown + QUERIES - 1) : x.m;       // keys that some query sees
    int steps = (max(end, 0) + KEYS - 1) / KEYS;

    const TYPE* k = head_of(x.k, b, head / x.group);
    const TYPE* v = head_of(x.v, b, head / x.group);
    const u32* seen = x.seen ? x.seen + b * x.words : nullptr;
    float c = x.scale * LOG2_E;

    Warp w;
#pragma unroll
    for (int i = 0; i < BANDS * DIM / 2; i++) (&w.o[0][0][0])[i] = 0;
#pragma unroll
    for (int i = 0; i < BANDS * 2; i++) {
        (&w.max[0][0])[i] = -INFINITE;
        (&w.sum[0][0])[i] = 0;
    }

    if (steps > 0) {
        copy_rows<QUERIES, THREADS>(q, head_of(x.q, b, head), x.q.row, first, x.n, x.d, nullptr);
        copy_rows<KEYS, THREADS, EXCHANGED>(shared, k, x.k.row, (steps - 1) * KEYS, x.m, x.d, seen);
        copy_rows<KEYS, THREADS>(shared + TILE, v, x.v.row, (steps - 1) * KEYS, x.m, x.d, seen);
        copies_commit();
        copies_wait<0>();
        barrier();
        if (HELD) {
#pragma unroll
            for (int i = 0; i < BANDS * SLICES; i++) load_matrices(w.q[i / SLICES][i % SLICES], shared + place_q + corner(i / SLICES, i % SLICES));
            barrier();
        }
    }
    for (int j = steps - 1, stage = 0; j >= 0; j--, stage ^= 1) {
        int place_k = lane_place() + stage * 2 * TILE;
        if (j > 0) {
            u8* next = shared + (stage ^ 1) * 2 * TILE;
            copy_rows<KEYS, THREADS, EXCHANGED>(next, k, x.k.row, (j - 1) * KEYS, x.m, x.d, seen);
            copy_rows<KEYS, THREADS>(next + TILE, v, x.v.row, (j - 1) * KEYS, x.m, x.d, seen);
            copies_commit();
        }
        u32 bits[2] = {lowest(x.m - j * KEYS), lowest(x.m - j * KEYS - 32)};
        if (x.seen) {  // indexed anew: a pointer kept across the tiles was spilled on sm_100a
            bits[0] = x.seen[b * x.words + 2 * j];
            bits[1] = x.seen[b * x.words + 2 * j + 1];
        }
        int limit = shown - j * KEYS;
        if ((bits[0] & bits[1]) == 0xffffffffu && limit >= KEYS) {
            step<false>(w, shared, place_q, place_k, c, limit, further, bits);
        } else if (bits[0] | bits[1]) {
            step<true>(w, shared, place_q, place_k, c, limit + further * warp() * ROWS, further, bits);
        }
        if (j > 0) {
            copies_wait<0>();
            barrier();
        }
    }

#pragma unroll
    for (int band = 0; band < BANDS; band++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float sum = w.sum[band][half];
            sum += shuffle_xor(sum, 1);
            sum += shuffle_xor(sum, 2);
            float share = sum == 0 ? 0 : 1 / sum;
            int i = first + warp() * ROWS + 16 * band + 8 * half + lane() / 4;
            if (i < x.n) {
                store_row(x.out, b, head, i, x.d, w.o[band], half, share);
                if (x.lse && lane() % 4 == 0) {
                    x.lse[b * x.lse_batch + head * x.lse_head + i * x.lse_row] =
                        sum == 0 ? -INFINITE : w.max[band][half] * x.scale + logf(sum);
                }
            }
        }
    }
}
