// attention_decode_matrix.cu: attention of few queries over a long cache of 16 bits, on the matrix units, to float32's precision.
//
// Shapes    Q, O [B, Hq, N, d] of any type and layout   K, V [B, Hkv, M, d] of TYPE   LSE [B, Hq, N]
// Variants  TYPE bf16 | f16   DIM 64 | 128: at least d   ROWS bf16: 4 | 8, f16: 8: queries that a block serves at once
//           PAGED: K and V [pages, Hkv, T, d], T a power of two; N = 1; a sequence has M = lengths[b] keys, key j at place j % T of
//           page table[b, j / T]. It has the bits of K and V in one piece
// Block     `split` keys of one key head (attention_decode.cuh) and up to ROWS of the queries that meet it (those of all heads of
//           the group), so that a byte of the cache is read once for ROWS of them. Warp w has keys 16 w + 64 j to 16 w + 64 j + 15
//           of the split, copies them itself and waits for nobody: a maximum, a sum and an O a row, added in the warps' order
//           at last.
// Shared    a warp: STAGES tiles of K and of V, 16 keys x PITCH bytes each; 64 KB of keys and values are under way in a block.
//           Over it at last: O [warp, 8, DIM + 8], (m, l) [warp, row], and what add_splits wants
// Order     copies of a warp arrive in the order K0 V0 K1 V1 ..: wait for K of tile j, multiply, start K of tile j + STAGES; weigh;
//           wait for V of tile j, multiply, start V of tile j + STAGES. So at least 2 STAGES - 1 tiles of a warp are under way.
//           Each wait is followed by a barrier of the warp (the lanes copy for one another), and each start preceded by one
// Products  Q and P are float32 and the cache is not, so each is a sum of parts of 16 bits, which are rows of one factor:
//               bf16, ROWS 4   3 parts of 8 bits: row r is part r / 4 of query r % 4, rows 12 to 15 zero
//               bf16, ROWS 8   row r is part r / 8 of query r % 8, and a second product adds the third part
//               f16            2 parts of 11 bits, row r part r / 8 of query r % 8. The second is 2^11 times what the first
//                              leaves; Q times the power of two that brings its row's largest to [2^13, 2^14), P at most
//                              2^14: nothing overflows, and what underflows is below 2^-41 of the largest
//           A query's sum is that of its rows. Products are exact and sums float32, as the units add them. (The order is another
//           one for ROWS 4 and 8, so the last bits of a query may be too; N = 1 is one of them for each model.)
// Softmax   t = scale log2(e) q k, P = 2^(t - m), m at least the row's maximum - LAG - LIFT, as in attention.cu
// Masks     Keys that nobody sees are zeros in shared memory, whatever they hold. A tile of which some queries see less than others
//           (causal, N > 1: the last N - 1 keys of all) is multiplied once a query with what that one does not see cut out of V. What is
//           not finite in a key or value that a query does see makes NaN of it.
//
// PREDICTED for an H200 (no card has run it; bf16, DIM 128, ROWS 4, counted in the code of 9.0). The card reads 4.2 TB/s / 132 /
// 1.76 GHz = 18 bytes a cycle and multiprocessor, so a tile of K and V, 8 KB, in 450 cycles. A tile costs a warp 362 instructions
// (90 cycles of four schedulers; a rescaling of O 69 more, hardly ever after the first tiles), 32 products (50 cycles at the
// rate of mma.sync) and 16 KB of shared memory's traffic (128 cycles). Under way are 12 to 16 KB a warp, 96 to 192 KB where
// two or three blocks are resident, and 18 bytes x 1400 cycles of latency = 26 KB are needed. So memory is the limit, by more than
// three; what is left are the 1.5 us until the first bytes come and the 2 us that the last blocks take to add.
#include "attention.cuh"
#include "attention_decode.cuh"

DEVICE constexpr int products_of(bf16) { return ROWS == 8 ? 2 : 1; }
DEVICE constexpr int products_of(f16) { return 1; }
DEVICE constexpr int lift_of(bf16) { return 0; }
DEVICE constexpr int lift_of(f16) { return 6; }

enum { WARPS = 4, THREADS = WARPS * WARP, KEYS = 16, STEP = WARPS * KEYS, STAGES = 256 / DIM, TILE = KEYS * PITCH };
// As many blocks as shared memory holds: three of 9.0 and 10.0, but 168 registers were too few for ptxas of 10.0 (24 bytes spilled).
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 900
enum { RESIDENT = 3 };
#else
enum { RESIDENT = 2 };
#endif
enum { PRODUCTS = products_of(TYPE()), BLOCKS = PRODUCTS == 1 ? RESIDENT : 2 };
enum { SUMS = 4, CHAINS = SUMS + PRODUCTS - 1 };  // of a score: of every fourth slice, so that they are short, and of third parts
enum { OWN = STAGES * 2 * TILE, GAP = DIM + 8 };  // a warp's bytes; floats from row to row of its O
constexpr float LAG = 8, LIFT = lift_of(TYPE()), FINER = 2048;

// ---- rows in parts

// Two neighbours of a query's row as they stand in this lane's rows of a factor, lane / 4 and 8 further, in each product.
DEVICE void in_parts(u32 (&low)[PRODUCTS], u32 (&high)[PRODUCTS], float x, float y, bf16) {
    u32 first = pack(x, y, bf16());
    x -= as_float(first << 16), y -= as_float(first & 0xffff0000u);
    u32 second = pack(x, y, bf16());
    x -= as_float(second << 16), y -= as_float(second & 0xffff0000u);
    u32 third = pack(x, y, bf16());
    if (ROWS == 4) {
        low[0] = lane() < 16 ? first : second;
        high[0] = lane() < 16 ? third : 0;
    } else {
        low[0] = first, high[0] = second;
        low[PRODUCTS - 1] = third, high[PRODUCTS - 1] = 0;
    }
}
DEVICE void in_parts(u32 (&low)[PRODUCTS], u32 (&high)[PRODUCTS], float x, float y, f16) {
    low[0] = pack(x, y, f16());
    high[0] = pack((x - to_float(f16{(u16)low[0]})) * FINER, (y - to_float(f16{(u16)(low[0] >> 16)})) * FINER, f16());
}

// What this lane has of a sum whose parts are in its two rows; of four rows the lane 16 further has the rest.
DEVICE float from_parts(float low, float high, bf16) { return low + high; }
DEVICE float from_parts(float low, float high, f16) { return fmaf(high, 1 / FINER, low); }
DEVICE float whole(float x) { return ROWS == 4 ? x + shuffle_xor(x, 16) : x; }

// The power of two that a row of Q is multiplied with, given the lane's largest of it, and its inverse.
DEVICE void range_of(float, float& by, float& back, bf16) { by = back = 1; }
DEVICE void range_of(float largest, float& by, float& back, f16) {
    largest = fmaxf(largest, shuffle_xor(largest, 1));
    largest = fmaxf(largest, shuffle_xor(largest, 2));
    int exponent = max(27, (int)(as_bits(largest) >> 23));
    by = as_float((u32)(267 - exponent) << 23);
    back = as_float((u32)(exponent - 13) << 23);
}

// What a lane has of its query: rows lane / 4 and 8 further.
struct Query {
    u32 q[PRODUCTS][SLICES][4];
    float o[DIM / 8][4];
    float max, sum, factor;  // factor: from sums of products to t
    int limit;               // keys that it sees by its place
};

// The lane's four numbers of each slice of its query's row.
template <class T> DEVICE void read_query(float (&x)[SLICES][4], const T* row, i64 step, int d) {
#pragma unroll
    for (int i = 0; i < 4 * SLICES; i++) {
        int column = i / 4 * 16 + lane() % 4 * 2 + i % 4 / 2 * 8 + i % 2;
        x[i / 4][i % 4] = column < d ? to_float(row[column * step]) : 0;
    }
}

// Two pairs of neighbours, 8 columns apart, as a factor's registers.
DEVICE void make_factor(u32 (&factor)[PRODUCTS][4], const float (&x)[4]) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
        u32 low[PRODUCTS], high[PRODUCTS];
        in_parts(low, high, x[2 * i], x[2 * i + 1], TYPE());
#pragma unroll
        for (int j = 0; j < PRODUCTS; j++) factor[j][2 * i] = low[j], factor[j][2 * i + 1] = high[j];
    }
}

DEVICE void begin(Query& w, const Args& a, const Part& p) {
    int r = lane() / 4 % ROWS;
    int d = r < p.rows ? a.d : 0;
    r = r < p.rows ? r : 0;
    w.limit = limit_of(a, p, r);
    float x[SLICES][4], largest = 0, by, back;
    i64 at = place(a.q, p.b, head_of(a, p, r), query_of(a, p, r), 0);
    if (a.q.type == IS_F32) read_query(x, (const float*)a.q.data + at, a.q.column, d);
    else if (a.q.type == IS_BF16) read_query(x, (const bf16*)a.q.data + at, a.q.column, d);
    else read_query(x, (const f16*)a.q.data + at, a.q.column, d);
#pragma unroll
    for (int i = 0; i < 4 * SLICES; i++) largest = fmaxf(largest, fabsf(x[i / 4][i % 4]));
    range_of(largest, by, back, TYPE());
#pragma unroll
    for (int slice = 0; slice < SLICES; slice++) {
        u32 factor[PRODUCTS][4];
#pragma unroll
        for (int i = 0; i < 4; i++) x[slice][i] *= by;
        make_factor(factor, x[slice]);
#pragma unroll
        for (int i = 0; i < 4 * PRODUCTS; i++) w.q[i / 4][slice][i % 4] = factor[i / 4][i % 4];
    }
    w.factor = a.scale * LOG2_E * back;
    w.max = -INFINITE;
    w.sum = 0;
#pragma unroll
    for (int i = 0; i < DIM / 2; i++) (&w.o[0][0])[i] = 0;
}

// ---- tiles

// What must be known of a tile before it is copied: whether somebody sees this lane's key of it, and its page.
struct Ahead {
    bool seen;
    i32 page;
};
DEVICE Ahead look(const Args& a, int b, int first, int end) {
    int key = first + lane() % KEYS;
    Ahead x = {key < end, 0};
#ifdef PAGED
    if (first < end) x.page = (i32)a.table[b * a.table_row + (first >> a.page_shift)];
#else
    if (a.keys && x.seen) x.seen = a.keys[b * a.keys_batch + key * a.keys_key] != 0;
#endif
    return x;
}

// Starts the copies of rows first .. first + 15 of a head: those whose bit of `seen` is 0 become zeros and are not read.
DEVICE void copy_tile(u8* to, const Args& a, const TYPE* head, const Heads& x, int b, int first, u32 seen, i32 page) {
    constexpr int PASS = WARP / CHUNKS;
    int row = lane() / CHUNKS, chunk = lane() % CHUNKS;
    seen = chunk * 8 < a.d ? seen >> row : 0;  // d is a multiple of 8, so a chunk is copied whole or not at all
    to += row * PITCH + chunk * 16;
    head += chunk * 8;
#ifdef PAGED
    int within = (1 << a.page_shift) - 1;
    if (within < KEYS - 1) {  // rows of a tile lie in several pages
#pragma unroll 1
        for (int i = 0; i < KEYS; i += PASS) {
            int key = first + row + i;
            bool there = seen >> i & 1;
            if (there) page = (i32)a.table[b * a.table_row + (key >> a.page_shift)];
            copy_async16(to + i * PITCH, head + page * x.batch + (key & within) * x.row, there ? 16 : 0);
        }
        return;
    }
    const TYPE* from = head + page * x.batch + ((first & within) + row) * x.row;
#else
    const TYPE* from = head + (first + row) * x.row;
#endif
#pragma unroll
    for (int i = 0; i < KEYS; i += PASS) {
        copy_async16(to + i * PITCH, from, (int)(seen >> i & 1) * 16);
        from += PASS * x.row;
    }
}

// Where a lane's share of 16 keys begins for scores(): registers 0 and 1 are then the first 8 keys, 2 and 3 the others. (Pairs of
// neighbours are what the matrix units read; lane_place() does the same for values, which are transposed.)
DEVICE int key_place() { return (lane() % 8 + lane() / 16 * 8) * PITCH + lane() / 8 % 2 * 16; }

// t of the lane's query and its four keys: 2 (lane % 4), the one behind, and 8 further.
DEVICE void scores(float (&t)[4], const Query& w, const u8* k) {
    float s[CHAINS][2][4];
#pragma unroll
    for (int i = 0; i < CHAINS * 8; i++) (&s[0][0][0])[i] = 0;
#pragma unroll
    for (int slice = 0; slice < SLICES; slice++) {
        u32 r[4];
        load_matrices(r, k + 32 * slice);
#pragma unroll
        for (int i = 0; i < PRODUCTS; i++) {
            float(&sum)[2][4] = s[i == 0 ? slice % SUMS : SUMS];
            multiply_add(sum[0], w.q[i][slice], r[0], r[1], TYPE());
            multiply_add(sum[1], w.q[i][slice], r[2], r[3], TYPE());
        }
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        float& sum = s[0][i / 4][i % 4];
#pragma unroll
        for (int j = 1; j < CHAINS; j++) sum += s[j][i / 4][i % 4];
    }
#pragma unroll
    for (int i = 0; i < 4; i++) t[i] = whole(from_parts(s[0][i / 2][i % 2], s[0][i / 2][2 + i % 2], TYPE())) * w.factor;
}

// P of the lane's four keys as a factor; `bits` are those of the tile's keys that its query sees.
DEVICE void weigh(u32 (&factor)[PRODUCTS][4], Query& w, float (&t)[4], u32 bits) {
    bits >>= lane() % 4 * 2;
#pragma unroll
    for (int i = 0; i < 4; i++) t[i] = bits >> (i / 2 * 8 + i % 2) & 1 ? t[i] : -INFINITE;
    float top = fmaxf(fmaxf(t[0], t[1]), fmaxf(t[2], t[3]));
    top = fmaxf(top, shuffle_xor(top, 1));
    top = fmaxf(top, shuffle_xor(top, 2)) - LIFT;
    bool grown = top - w.max > LAG;
    if (votes(grown)) {
        float shrink = grown ? ex2(w.max - top) : 1;
        w.max = grown ? top : w.max;
        w.sum *= shrink;
#pragma unroll
        for (int i = 0; i < DIM / 2; i++) (&w.o[0][0])[i] *= shrink;
    }
    float base = w.max == -INFINITE ? 0 : w.max;  // a query that has seen nothing yet
#pragma unroll
    for (int i = 0; i < 4; i++) {
        t[i] = ex2(t[i] - base);
        w.sum += t[i];
    }
    make_factor(factor, t);
}

DEVICE void add_values(Query& w, const u32 (&factor)[PRODUCTS][4], const u8* v) {
#pragma unroll
    for (int slice = 0; slice < SLICES; slice++) {
        u32 r[4];
        load_matrices_transposed(r, v + 32 * slice);
#pragma unroll
        for (int i = 0; i < PRODUCTS; i++) {
            multiply_add(w.o[2 * slice], factor[i], r[0], r[1], TYPE());
            multiply_add(w.o[2 * slice + 1], factor[i], r[2], r[3], TYPE());
        }
    }
}

// Halves of a word by its two lowest bits.
DEVICE u32 halves(u32 bits) { return (bits & 1 ? 0xffffu : 0) | (bits & 2 ? 0xffff0000u : 0); }

// The same with what each query does not see cut out, where it may be anything: 0 times infinity is not 0. The bits are the
// same. `shown` and `limit`: keys of the tile that the first of n queries sees, and the lane's.
DEVICE void add_seen_values(Query& w, const u32 (&factor)[PRODUCTS][4], const u8* v, int n, int shown, int limit) {
#pragma unroll 1
    for (int last = shown + n; shown < last; shown++) {
        u32 bits = lowest(shown) >> lane() % 4 * 2, left = halves(bits), right = halves(bits >> 8);
        bool own = limit == shown;
#pragma unroll
        for (int slice = 0; slice < SLICES; slice++) {
            u32 r[4];
            load_matrices_transposed(r, v + 32 * slice);
#pragma unroll
            for (int side = 0; side < 2; side++) {
                float(&o)[4] = w.o[2 * slice + side], y[4];
#pragma unroll
                for (int i = 0; i < 4; i++) y[i] = own ? o[i] : 0;
#pragma unroll
                for (int i = 0; i < PRODUCTS; i++) multiply_add(y, factor[i], r[2 * side] & left, r[2 * side + 1] & right, TYPE());
#pragma unroll
                for (int i = 0; i < 4; i++) o[i] = own ? y[i] : o[i];
            }
        }
    }
}

// What the warps have, in their order: `room` is theirs, all of it.
DEVICE void add_warps(const Args& a, const Part& p, const Query& w, float* room) {
    float* sums = room + WARPS * 8 * GAP;  // [warp, row, (m, l)]
    barrier();
    float* row = room + (warp() * 8 + lane() / 4) * GAP + lane() % 4 * 2;
#pragma unroll
    for (int i = 0; i < DIM / 8; i++) {
        float left = from_parts(w.o[i][0], w.o[i][2], TYPE()), right = from_parts(w.o[i][1], w.o[i][3], TYPE());
        *(u64*)(row + 8 * i) = (u64)as_bits(right) << 32 | as_bits(left);
    }
    float sum = w.sum;
    sum += shuffle_xor(sum, 1);
    sum += shuffle_xor(sum, 2);
    if (lane() % 4 == 0 && lane() / 4 < ROWS) {
        float* to = sums + (warp() * ROWS + lane() / 4) * 2;
        to[0] = w.max, to[1] = sum;
    }
    barrier();
    for (int at = (int)threadIdx.x; at < p.rows * DIM / 4; at += THREADS) {
        int r = at / (DIM / 4), column = at % (DIM / 4) * 4;
        float top = -INFINITE, l = 0, y[4] = {0, 0, 0, 0};
#pragma unroll
        for (int v = 0; v < WARPS; v++) top = fmaxf(top, sums[(v * ROWS + r) * 2]);
        float base = top == -INFINITE ? 0 : top;
#pragma unroll
        for (int v = 0; v < WARPS; v++) {
            float weight = ex2(sums[(v * ROWS + r) * 2] - base), x[4];
            l = fmaf(sums[(v * ROWS + r) * 2 + 1], weight, l);
#pragma unroll
            for (int half = 0; half < 8; half += ROWS) {
                load4(x, room + (v * 8 + half + r) * GAP + column);
#pragma unroll
                for (int c = 0; c < 4; c++) y[c] = fmaf(x[c], weight, y[c]);
            }
        }
        leave_row<true>(a, p, r, column, y, top, l);
    }
    if (p.splits == 1) return;
    add_splits<THREADS, true>(a, p, sums + WARPS * ROWS * 2);
}

KERNEL(THREADS, BLOCKS, attention_decode_matrix, Args) {
    DYNAMIC_SHARED(shared);
    Part p;
    if (!find_part(p, a, blockIdx.x)) return;
    const TYPE* k = (const TYPE*)a.k.data + p.first * a.k.batch + p.h * a.k.head;
    const TYPE* v = (const TYPE*)a.v.data + p.first * a.v.batch + p.h * a.v.head;
    int own = warp() * OWN, stage = own;
    int first = p.begin + warp() * KEYS, b = p.b, end = p.end;

    Ahead next[STAGES + 1];
#pragma unroll
    for (int j = 0; j <= STAGES; j++) next[j] = look(a, b, first + j * STEP, end);
#pragma unroll
    for (int j = 0; j < STAGES; j++) {
        u32 seen = votes(next[j].seen);
        if (first + j * STEP < end) copy_tile(shared + own + j * 2 * TILE, a, k, a.k, b, first + j * STEP, seen, next[j].page);
        copies_commit();
        if (first + j * STEP < end) copy_tile(shared + own + j * 2 * TILE + TILE, a, v, a.v, b, first + j * STEP, seen, next[j].page);
        copies_commit();
    }
    Ahead ahead = next[STAGES];

    Query w;
    begin(w, a, p);

    for (; first < end; first += STEP) {
        int later = first + STAGES * STEP;
        u32 seen = votes(ahead.seen);
        i32 page = ahead.page;

        float t[4];
        copies_wait<2 * STAGES - 1>();
        warp_barrier();
        scores(t, w, shared + stage + key_place());
        warp_barrier();
        if (later < end) copy_tile(shared + stage, a, k, a.k, b, later, seen, page);
        copies_commit();
        ahead = look(a, b, later + STEP, end);

        u32 bits = lowest(w.limit - first), factor[PRODUCTS][4];
        if (a.keys) bits &= votes(look(a, b, first, end).seen);
        weigh(factor, w, t, bits);

        copies_wait<2 * STAGES - 1>();
        warp_barrier();
        int shown = p.length - a.n + 1 - first;  // if causal, keys of the tile that the first query sees by its place
#ifdef PAGED
        shown = KEYS;  // N is 1
#endif
        if (!a.causal || a.n == 1 || shown >= KEYS) {
            add_values(w, factor, shared + stage + TILE + lane_place());
        } else {
            add_seen_values(w, factor, shared + stage + TILE + lane_place(), a.n, shown, w.limit - first);
        }
        warp_barrier();
        if (later < end) copy_tile(shared + stage + TILE, a, v, a.v, b, later, seen, page);
        copies_commit();
        stage = stage == own + (STAGES - 1) * 2 * TILE ? own : stage + 2 * TILE;
    }
    find_part(p, a, again(blockIdx.x));  // rather than to keep it in registers
    add_warps(a, p, w, (float*)shared);
}
