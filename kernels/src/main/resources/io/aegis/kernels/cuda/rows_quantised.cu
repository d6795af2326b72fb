// rows_quantised.cu: c = act(x w^T + bias), merged with another matrix or c itself, for up to eight rows of x and weights of 8 or 4
// bits: what it takes is the reading of w, once. Up to three weights that share x are one launch (queries, keys and values), and
// so is the middle of a gated block, silu(x gate^T) (x up^T).
//
// Shapes   x [M, K] float32, contiguous along K, rows multiples of 4 elements apart; c [M, N] as Output says. Codes [N, K], 16-byte
//          aligned rows: INT8 signed bytes; INT4 two a byte, low half first, 0 to 15 standing for -8 to 7. Scales float32
//          [N, K / group], dense: w[n, k] = scale[n, k / group] q[n, k]. A group is a power of two from 32 on and divides K.
//          rows_quantised_R takes R rows of x together (1, 2, 4, 8); blocks of the grid's y have further rows.
// Maths    Whole numbers on the matrix unit: a product of 16 outputs, 32 of K and 8 columns takes bytes of w as they lie (INT4: three
//          operations make eight weights 16 times their value), and of x three columns a row: x is written as 2^e (2^8 d0 + d1
//          + d2 / 2^8) with digits from -128 to 127 and one e for each UNIT of K (32, 64 or 128, of one group). Products and their
//          sums over a unit (at most 2^21) are exact; then they are float32: sum of digit d += scale 2^e (whole sum).
//          So x is rounded to at most 2^-23 (where e just fits: 2^-24) of the largest magnitude of its unit, once; the sums' own rounding is
//          that of float32, of K / UNIT / 8 terms. A unit of x with NaN or infinity makes the row's outputs NaN. x below 2^-127
//          counts as 0.
// Order    A row of x has the same bits alone and among others, and whatever N, the device and its memory are: over units in each
//          of eight warps, over the three digits, over the warps one by one.
// Tiles    A tile is 16 outputs (8, where that keeps more multiprocessors busy; gated: 8 of each weight). A step is 128 bytes along
//          K of its rows: 128 weights of INT8, 256 of INT4. A team is eight warps, warp i has steps i, i + 8, ...; a block has
//          two teams (one, where shared memory is small), each with tiles of its own. Blocks are as many as multiprocessors.
//          Where digits of all K do not fit, K is taken in pieces of a multiple of eight steps, and warps put their sums down in between.
// Shared   for each warp a ring of `stages` (4, 3 or 2) slots of a step: 16 rows of 128 bytes, chunk c of row r at place c ^ (r % 8),
//          so that eight rows are read without conflict; and the scales, of each unit eight pairs (row g, row g + 8)
//          digits of x [K / 16][3 R][16 bytes] as their fragments want them: of INT4 the even k of 32 before the odd ones
//          2^e [K / UNIT][R]
//          sums of the warps, twice [8][R][16] a team, so that one barrier a tile is enough
// Why      A multiprocessor of an H200 has 18 bytes of weights a cycle to take, so a step of 2 KB in 110 cycles, in which it issues 440
//          instructions of a warp. A step takes 157 of INT8 and 216 of INT4 (groups of 64, sm_90a, one row of x; 39 and 54 for 16 bytes
//          a lane), 190 and 363 of eight rows, and 70 more a tile, to find the next: memory is the limit, not instructions. With
//          floats (gemv.cu before) INT8 took 50 % of the copy and INT4 31. Of the ring 98 KB are on their way (three of four slots), four
//          times what a latency of 0.8 us wants; the first are asked for before x is looked at. No card has timed it yet.
// Barriers a warp_barrier() a step: copies of other lanes are seen, and the slot before is free; barrier_of(1 + team) a tile:
//          sums of all warps are there; barrier() around the digits of a piece.
#include "product.cuh"
#include "integers.cuh"

enum { INT8 = 0, INT4 = 1 };
enum {
    SPLITS = 8,  // warps of a team
    TEAM = SPLITS * WARP,
    THREADS = 2 * TEAM,
    MOST_SEGMENTS = 3,
    TILE = 16,
    HALF = TILE / 2,
    CHUNK = 16,  // bytes
    STEP_BYTES = 128,
    CHUNKS = STEP_BYTES / CHUNK,
    PACKED = WEIGHT == INT4 ? 2 : 1,  // weights a byte
    STEP = STEP_BYTES * PACKED,       // weights of a row
    PART = 128,                       // weights of a row that are multiplied at a time
    PARTS = STEP / PART,
    PRODUCT = 32,  // of K
    UNITS = STEP / UNIT,
    PRODUCTS = UNIT / PRODUCT,  // of a unit
    STAGE = TILE * STEP_BYTES + TILE * UNITS * 4,
    LEAST_EXPONENT = 22,  // biased; that of 2^23 / x is then the largest
    EIGHT = 8             // of x that a thread takes at a time
};

struct Segment {
    const u8* w;
    const float* scales;
    i64 w_row;  // bytes
    Output c;
    i32 n;
    i32 first;  // its first tile
};

struct Args {
    const float* x;
    float* sums;  // of tiles, between pieces of K
    i64 x_row;
    Segment segments[MOST_SEGMENTS];  // of those that are not, `first` is behind all tiles
    i32 m, k;
    i32 tiles;
    i32 span;         // outputs of a tile: 16 or 8
    i32 gated;        // the first two segments are silu(x w^T) and what it is multiplied by; 8 outputs of each are a tile
    i32 scale_shift;  // 2^scale_shift units have a scale
    i32 piece;        // steps whose digits are there at a time, a multiple of SPLITS
    i32 stages;
};

// Which of the stored columns of digits has digit d (the highest: 0) of row r, and which one is column j of a tile of B. One lane's
// sums, columns 2t and 2t + 1 of each tile, are of one row (of eight: of two), but of one and two rows two lanes share a row.
template <int ROWS> struct Columns {
    enum { COUNT = 3 * ROWS, TILES = ROWS == 8 ? 3 : ROWS == 4 ? 2 : 1 };
    static DEVICE int of_digit(int r, int d) {
        if (ROWS == 8) return 8 * d + r;
        if (ROWS == 4) return d < 2 ? 2 * r + d : 8 + r;
        return 3 * r + d;
    }
    static DEVICE int of_tile(int tile, int j) {
        if (ROWS == 8) return 8 * tile + j;
        if (ROWS == 4) return tile == 0 ? j : 8 + j / 2;
        return 3 * least(j / 4, ROWS - 1) + least(j % 4, 2);
    }
};

// Of a tile: the segment, its first output, and how many outputs each half has.
struct Tile {
    int segment, n, have[2];
};
DEVICE Tile tile_at(const Args& a, int index) {
    Tile t;
    t.segment = (index >= a.segments[1].first) + (index >= a.segments[2].first);
    t.n = (index - a.segments[t.segment].first) * a.span;
    int left = a.segments[t.segment].n - t.n;
    t.have[0] = least(left, (int)HALF);
    t.have[1] = a.gated ? t.have[0] : a.span == HALF ? 0 : max(least(left - HALF, (int)HALF), 0);
    return t;
}

// Writes `count` of x from k = `from` on as digits, and the scales of their units. Behind K there are zeros.
template <int ROWS> DEVICE void digitise(const Args& a, const float* x, int rows, int from, int count, u8* digits, float* scales) {
#pragma unroll 1
    for (int r = 0; r < ROWS; r++) {
        const float* row = x + least(r, rows - 1) * a.x_row + from;
#pragma unroll 1
        for (int i = warp() * WARP; i < count / EIGHT; i += (int)blockDim.x) {
            int k = (i + lane()) * EIGHT;
            float v[EIGHT] = {};
            if (k < count && from + k < a.k) {
#pragma unroll
                for (int j = 0; j < EIGHT; j += 4) {
                    Word4 w = load16(row + k + j);
                    v[j] = as_float(w.x), v[j + 1] = as_float(w.y), v[j + 2] = as_float(w.z), v[j + 3] = as_float(w.w);
                }
            }
            u32 most = 0;
#pragma unroll
            for (int j = 0; j < EIGHT; j++) most = max(most, as_bits(v[j]) & 0x7fffffffu);
#pragma unroll
            for (int m = 1; m < UNIT / EIGHT; m *= 2) most = max(most, shuffle_xor(most, m));
            bool finite = most < 0x7f800000u;
            // Three digits reach 8355711 = 2^23 - 0x8081; a unit with more of that has the next exponent.
            u32 exponent = max((most + 0x10101u) >> 23, (u32)LEAST_EXPONENT);
            float by = finite ? as_float((254 + LEAST_EXPONENT - exponent) << 23) : 0.f;
            u32 q[EIGHT];
#pragma unroll
            for (int j = 0; j < EIGHT; j++) {
                // With 128 added to each digit the bytes are the digits and 128.
                q[j] = (u32)(i32)rintf(finite ? v[j] * by : 0.f) + 0x808080u ^ 0x808080u;
            }
            if (k >= count) continue;
            if (k % UNIT == 0) {
                // Of the middle digit, so that neither end of float32's range is near; INT4's weights are 16 times their value.
                u32 middle = exponent - LEAST_EXPONENT + (WEIGHT == INT4 ? 4 : 8);
                scales[k / UNIT * ROWS + r] = as_float(finite ? middle << 23 : 0x7fc00000u);
            }
#pragma unroll
            for (int d = 0; d < 3; d++) {
                // Of two neighbours (INT4: next but one) the bytes 2 - d, of four a word.
                u32 which = (u32)(2 - d) | (u32)(6 - d) << 4, word[2];
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    int first = PACKED == 2 ? j : 4 * j, step = PACKED;
                    u32 low = select_bytes(q[first], q[first + step], which);
                    u32 high = select_bytes(q[first + 2 * step], q[first + 3 * step], which);
                    word[j] = select_bytes(low, high, 0x5410u);
                }
                u8* to = digits + Columns<ROWS>::of_digit(r, d) * CHUNK;
                if (PACKED == 2) {
                    to += k / PRODUCT * (2 * Columns<ROWS>::COUNT * CHUNK) + k % PRODUCT / 2;
                    *(u32*)to = word[0];
                    *(u32*)(to + Columns<ROWS>::COUNT * CHUNK) = word[1];
                } else {
                    to += k / CHUNK * (Columns<ROWS>::COUNT * CHUNK) + k % CHUNK;
                    *(u64*)to = word[0] | (u64)word[1] << 32;
                }
            }
        }
    }
}

// The steps of a warp, one behind another over tiles and pieces, as they are asked for.
struct Ahead {
    const u8* w[TILE / 4];  // of each fourth row what this lane brings next
    const float* scales[2];
    int have[2];
    int piece, tile, step;
};

struct Work {
    int steps, pieces, first, stride, split;
};

DEVICE void aim(const Args& a, Ahead& s) {
    Tile t = tile_at(a, s.tile);
    int groups = a.k / UNIT >> a.scale_shift;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        const Segment& g = a.segments[a.gated ? h : t.segment];
        int n = t.n + (a.gated ? 0 : h * HALF);
        s.have[h] = t.have[h];
        s.scales[h] = g.scales + (i64)n * groups;
        s.w[2 * h] = g.w + (n + lane() / CHUNKS) * g.w_row + (s.step * STEP_BYTES + lane() % CHUNKS * CHUNK);
        s.w[2 * h + 1] = s.w[2 * h] + 4 * g.w_row;
    }
}

// Asks for the next step, if there is one: rows and columns that are not there are zeros. Each lane brings a chunk of four rows.
DEVICE void ask(const Args& a, const Work& work, Ahead& s, u8* slot) {
    if (s.piece < work.pieces) {
        int row = lane() / CHUNKS, chunk = lane() % CHUNKS;
        bool inside = s.step * STEP_BYTES + chunk * CHUNK < a.k / PACKED;
#pragma unroll
        for (int i = 0; i < TILE / 4; i++) {
            int r = row + i % 2 * 4;
            u8* to = slot + (row + i * 4) * STEP_BYTES + (chunk ^ r) * CHUNK;
            copy_async16(to, s.w[i], inside && r < s.have[i / 2] ? CHUNK : 0);
            s.w[i] += SPLITS * STEP_BYTES;
        }
#pragma unroll
        for (int i = 0; i < TILE * UNITS; i += WARP) {
            int r = (i + lane()) / UNITS, unit = (i + lane()) % UNITS, at = s.step * UNITS + unit;
            if (r >= TILE) break;
            bool there = at * UNIT < a.k && r % HALF < (r < HALF ? s.have[0] : s.have[1]);
            const float* from = (r < HALF ? s.scales[0] : s.scales[1]) + (r % HALF * (a.k / UNIT >> a.scale_shift) + (at >> a.scale_shift));
            copy_async4(slot + TILE * STEP_BYTES + (unit * TILE + r % HALF * 2 + r / HALF) * 4, from, there ? 4 : 0);
        }
        s.step += SPLITS;
        if (s.step >= least(work.steps, (s.piece + 1) * a.piece)) {
            s.tile += work.stride;
            if (s.tile >= a.tiles) {
                s.tile = work.first;
                s.piece++;
            }
            s.step = s.piece * a.piece + work.split;
            if (s.step >= work.steps) s.piece = work.pieces;
            if (s.piece < work.pieces) aim(a, s);
        }
    }
    copies_commit();
}

// The oldest copies of a full ring have arrived.
DEVICE void wait_for_oldest(int stages) {
    if (stages == 4) {
        copies_wait<2>();
    } else if (stages == 3) {
        copies_wait<1>();
    } else {
        copies_wait<0>();
    }
}

// sums += products of 128 weights of each row, the `part`-th of a step: of each tile of columns, for each digit and row.
template <int ROWS> DEVICE void multiply_part(const u8* slot, int part, const u8* digits, const float* exponents, float (&sums)[Columns<ROWS>::TILES][4]) {
    const int g = lane() / 4, t = lane() % 4, tiles = Columns<ROWS>::TILES, raws = PART / PACKED / 32, units = PART / UNIT;
    const float* scales = (const float*)(slot + TILE * STEP_BYTES) + part * units * TILE + 2 * g;
    digits += part * (PART * Columns<ROWS>::COUNT);
    exponents += part * (units * ROWS);
    // Two chunks of 16 rows at once: each lane gives a row of one of four matrices.
    int row = lane() % 16, chunk = part * 2 * raws + lane() / 16;
    u32 raw[raws][4];
#pragma unroll
    for (int c = 0; c < raws; c++) load_matrices(raw[c], slot + row * STEP_BYTES + ((2 * c + chunk) ^ row % 8) * CHUNK);
    u32 b[tiles][4];
#pragma unroll
    for (int u = 0; u < units; u++) {
        i32 whole[tiles][4] = {};
#pragma unroll
        for (int i = 0; i < PRODUCTS; i++) {
            const int p = u * PRODUCTS + i;
            u32 f[4];
            if (WEIGHT == INT8) {
                f[0] = raw[p][0], f[1] = raw[p][1], f[2] = raw[p][2], f[3] = raw[p][3];
            } else {
                // q + 8 becomes 16 q: its top bit is turned, and it is the upper half of a byte.
#pragma unroll
                for (int h = 0; h < 2; h++) {
                    u32 w = raw[p / 2][p % 2 * 2 + h];
                    f[h] = masked_and_turned(w << 4, 0xf0f0f0f0u, 0x80808080u);
                    f[2 + h] = masked_and_turned(w, 0xf0f0f0f0u, 0x80808080u);
                }
            }
#pragma unroll
            for (int c = 0; c < tiles; c++) {
                if (p % 2 == 0) {
                    load_matrices(b[c], digits + ((2 * p + lane() / 8) * Columns<ROWS>::COUNT + Columns<ROWS>::of_tile(c, lane() % 8)) * CHUNK);
                }
                multiply_add(whole[c], f, b[c][p % 2 * 2], b[c][p % 2 * 2 + 1]);
            }
        }
        float upper = scales[u * TILE], lower = scales[u * TILE + 1];
        float e[2];
        e[0] = e[1] = exponents[u * ROWS + (ROWS == 8 ? 2 * t : ROWS == 4 ? t : least(t / 2, ROWS - 1))];
        if (ROWS == 8) e[1] = exponents[u * ROWS + 2 * t + 1];
        float by[4] = {upper * e[0], upper * e[1], lower * e[0], lower * e[1]};
#pragma unroll
        for (int c = 0; c < tiles; c++) {
#pragma unroll
            for (int j = 0; j < 4; j++) sums[c][j] = fmaf((float)whole[c][j], by[j], sums[c][j]);
        }
    }
}

// The three digits of a row of x together, into [R][16] of this warp.
template <int ROWS> DEVICE void put_down(const float (&sums)[Columns<ROWS>::TILES][4], float* room) {
    const float first = 0x1p8f, third = 0x1p-8f;
    const int g = lane() / 4, t = lane() % 4;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float* to = room + g + h * HALF;
        if constexpr (ROWS == 8) {
#pragma unroll
            for (int s = 0; s < 2; s++) {
                int j = 2 * h + s;
                to[(2 * t + s) * TILE] = sums[0][j] * first + sums[1][j] + sums[2][j] * third;
            }
        } else if constexpr (ROWS == 4) {
            to[t * TILE] = sums[0][2 * h] * first + sums[0][2 * h + 1] + sums[1][2 * h] * third;
        } else {
            float last = shuffle_xor(sums[0][2 * h], 1);
            if (t % 2 == 0 && t / 2 < ROWS) to[t / 2 * TILE] = sums[0][2 * h] * first + sums[0][2 * h + 1] + last * third;
        }
    }
}

// Of all warps of a team, one by one.
template <int ROWS> DEVICE float sum_of(const float* room, int r, int row) {
    float sum = 0.f;
#pragma unroll
    for (int w = 0; w < SPLITS; w++) sum += room[(w * ROWS + r) * TILE + row];
    return sum;
}

template <int ROWS> DEVICE void multiply_rows(const Args& a) {
    DYNAMIC_SHARED(memory);
    // Of many rows one part after another, for the sake of registers.
    enum { COUNT = Columns<ROWS>::COUNT, COLUMN_TILES = Columns<ROWS>::TILES, PARTS_AT_ONCE = ROWS > 2 ? 1 : PARTS };
    const int teams = (int)blockDim.x / TEAM, team = warp() / SPLITS, m0 = (int)blockIdx.y * ROWS;
    Work work;
    work.steps = (a.k + STEP - 1) / STEP;
    work.pieces = (work.steps + a.piece - 1) / a.piece;
    work.first = (int)blockIdx.x + team * (int)gridDim.x;
    work.stride = teams * (int)gridDim.x;
    work.split = warp() % SPLITS;

    u8* ring = memory + warp() * a.stages * STAGE;
    u8* digits = memory + teams * SPLITS * a.stages * STAGE;
    float* exponents = (float*)(digits + a.piece * (STEP * COUNT));
    float* room = exponents + a.piece * (UNITS * ROWS) + team * (2 * SPLITS * ROWS * TILE);

    Ahead ahead;
    ahead.piece = work.first < a.tiles && work.split < work.steps ? 0 : work.pieces;
    ahead.tile = work.first;
    ahead.step = work.split;
    if (ahead.piece == 0) aim(a, ahead);
#pragma unroll 1
    for (int i = 0; i + 1 < a.stages; i++) ask(a, work, ahead, ring + i * STAGE);

    int slot = 0;
#pragma unroll 1
    for (int piece = 0; piece < work.pieces; piece++) {
        int begin = piece * a.piece, end = least(work.steps, begin + a.piece);
        if (piece > 0) barrier();
        digitise<ROWS>(a, a.x + m0 * a.x_row, a.m - m0, begin * STEP, (end - begin) * STEP, digits, exponents);
        barrier();
        int visit = 0;
#pragma unroll 1
        for (int tile = work.first; tile < a.tiles; tile += work.stride, visit++) {
            float* kept = a.sums + ((((i64)blockIdx.y * a.tiles + tile) * SPLITS + work.split) * COLUMN_TILES * WARP + lane()) * 4;
            float sums[COLUMN_TILES][4] = {};
            if (piece > 0) {
#pragma unroll
                for (int c = 0; c < COLUMN_TILES; c++) load4(sums[c], kept + c * WARP * 4);
            }
#pragma unroll 1
            for (int step = begin + work.split; step < end; step += SPLITS) {
                wait_for_oldest(a.stages);
                warp_barrier();
                ask(a, work, ahead, ring + (slot == 0 ? a.stages - 1 : slot - 1) * STAGE);
#pragma unroll PARTS_AT_ONCE
                for (int part = 0; part < PARTS; part++) {
                    multiply_part<ROWS>(ring + slot * STAGE, part, digits + (step - begin) * (STEP * COUNT), exponents + (step - begin) * (UNITS * ROWS), sums);
                }
                slot = slot + 1 == a.stages ? 0 : slot + 1;
            }
            if (piece + 1 < work.pieces) {
#pragma unroll
                for (int c = 0; c < COLUMN_TILES; c++) store4(sums[c], kept + c * WARP * 4);
                continue;
            }
            float* own = room + visit % 2 * (SPLITS * ROWS * TILE);
            put_down<ROWS>(sums, own + work.split * (ROWS * TILE));
            barrier_of(1 + team, TEAM);
            // A thread an output, of other warps at every tile.
            int i = ((int)threadIdx.x + visit * WARP) % TEAM, outputs = a.gated ? HALF : TILE, r = i / outputs, row = i % outputs;
            Tile t = tile_at(a, tile);
            if (r < ROWS && m0 + r < a.m && row % HALF < (row < HALF ? t.have[0] : t.have[1])) {
                float sum = sum_of<ROWS>(own, r, row);
                if (a.gated) sum = activate(SILU, sum) * sum_of<ROWS>(own, r, row + HALF);
                finish(a.segments[t.segment].c, 0, m0 + r, t.n + row, sum);
            }
        }
    }
}

KERNEL(THREADS, 1, rows_quantised_1, Args) { multiply_rows<1>(a); }
KERNEL(THREADS, 1, rows_quantised_2, Args) { multiply_rows<2>(a); }
KERNEL(THREADS, 1, rows_quantised_4, Args) { multiply_rows<4>(a); }
KERNEL(THREADS, 1, rows_quantised_8, Args) { multiply_rows<8>(a); }
