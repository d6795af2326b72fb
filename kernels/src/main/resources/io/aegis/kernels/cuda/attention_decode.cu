// attention_decode.cu: attention of few queries over a long cache, in float32 but for what the cache is stored in.
//
// Shapes    Q, O [B, Hq, N, d]   K, V [B, Hkv, M, d]   LSE [B, Hq, N]; K and V are TYPE, Q float32, O float32
// Variants  TYPE float | bf16 | f16   DIM 64 | 128 | 256: at least d   ROWS 4 | 8: queries that a block serves at once
//           PAGED: K and V [pages, Hkv, T, d], T a power of two and at least 4; N = 1; a sequence has M = lengths[b] keys, key j at place
//           j % T of page table[b, j / T]. It is split as by itself, and so has the bits of K and V in one piece; blocks of splits
//           that only longer sequences have end at once.
//
// attention_decode       a block has `split` keys of one key head and up to ROWS of the queries that meet it (those of all heads of the
//     group), so that a byte of the cache is read once for ROWS of them. LANES lanes share a row of K or V, 16 bytes each (at
//     DIM 256 in float32 twice), so a load of a warp brings 32 / LANES keys; every lane has UNROLL loads of K and of V in
//     flight. Teams of LANES lanes have a maximum, a sum and an O each and go through every TEAMS-th group of UNROLL keys; at
//     last the teams of the block are added in order.
//     Shared: Q (ROWS x DIM); then, over it, (m, l, O) of each team and row
// attention_combine      adds the splits of a query in an order that depends on nothing: warp w takes splits w, w + 8, .., then
//     the warps are added in order. A split that sees nothing adds exact zeros.
// So the bits of a query depend on its own keys and on where they are split, which M alone decides.
// Where there is one split, attention_decode writes the result itself, with the same bits.
#include "common.cuh"

enum { WARPS = 8, THREADS = WARPS * WARP, UNROLL = 4 };
enum { EACH = 16 / sizeof(TYPE), PER_ROW = DIM / EACH, LANES = PER_ROW < WARP ? PER_ROW : WARP, PIECES = PER_ROW / LANES, OWN = EACH * PIECES };
enum { TEAMS = THREADS / LANES, STEP = TEAMS * UNROLL };
#define INFINITE as_float(0x7f800000u)

struct Heads {
    u8* data;
    i64 batch, head, row;
};

struct Args {
    Heads q, k, v, out;
    float* lse;  // or null
    i64 lse_batch, lse_head, lse_row;
    const u8* keys;  // [B, M], 0: nobody sees it; or null
    i64 keys_batch, keys_key;
    float *sums, *parts;  // [query, splits, (m, l)], [query, splits, d]; query: ((b Hkv + h) group + g) N + i
    i32 heads, group, n, m, d, causal, splits, split;  // heads of keys; keys of a split
    float scale;
#ifdef PAGED
    i32 page_shift;  // T = 2^this
    const i64 *table, *lengths;
    i64 table_row;
#endif
};

#ifdef PAGED
// Keys of a split of a sequence of m; as DecodeAttention.split.
DEVICE int split_of(int m) { return m <= 2048 ? 64 : m <= 8192 ? 128 : 256; }
DEVICE int splits_of(int m) { return max(1, (m + split_of(m) - 1) / split_of(m)); }

// Where key j of sequence b and the three behind it lie, from the first key of the first page on, in elements.
DEVICE i64 place_of(const Args& a, const Heads& rows, int b, int j) {
    return a.table[b * a.table_row + (j >> a.page_shift)] * rows.batch + (j & ((1 << a.page_shift) - 1)) * rows.row;
}
#endif

// Four neighbours of a piece: of float32 all, else the lower or the upper ones.
DEVICE void widen(float (&y)[4], const Word4& w, int, float) { y[0] = as_float(w.x), y[1] = as_float(w.y), y[2] = as_float(w.z), y[3] = as_float(w.w); }
template <class Half> DEVICE void widen(float (&y)[4], const Word4& w, int upper, Half) {
    u32 left = upper ? w.z : w.x, right = upper ? w.w : w.y;
    Half x[4] = {{(u16)left}, {(u16)(left >> 16)}, {(u16)right}, {(u16)(right >> 16)}};
#pragma unroll
    for (int i = 0; i < 4; i++) y[i] = to_float(x[i]);
}

// This lane's 16-byte piece of a row, zero where the row has no columns.
DEVICE Word4 piece(const TYPE* row, int column, int d) {
    Word4 zero = {0, 0, 0, 0};
    return column < d ? load16_once(row + column) : zero;
}

DEVICE void finish(const Args& a, int b, int head, int i, float max, float sum) {
    if (a.lse) a.lse[b * a.lse_batch + head * a.lse_head + i * a.lse_row] = sum == 0 ? -INFINITE : max + logf(sum);
}

KERNEL(THREADS, ROWS == 4 && DIM <= 128 ? 2 : 1, attention_decode, Args) {
    DYNAMIC_SHARED(shared);
    float* q = (float*)shared;
    int of_rows = (a.group * a.n + ROWS - 1) / ROWS;
    int first_row = (int)(blockIdx.x % of_rows) * ROWS, split = (int)(blockIdx.x / of_rows % a.splits);
    int h = (int)(blockIdx.x / of_rows / a.splits % a.heads), b = (int)(blockIdx.x / of_rows / a.splits / a.heads);
    int rows = min((int)ROWS, a.group * a.n - first_row);
#ifdef PAGED
    int length = (int)a.lengths[b], splits = splits_of(length), each = split_of(length), first = 0;  // the page comes with each key
    if (split >= splits) return;
#else
    int length = a.m, splits = a.splits, each = a.split, first = b;
#endif

    // Query row r is query i of head g of the group: r = g N + i.
    for (int at = (int)threadIdx.x; at < ROWS * DIM; at += THREADS) {
        int r = first_row + at / DIM, column = at % DIM;
        bool there = r < a.group * a.n && column < a.d;
        int g = there ? r / a.n : 0, i = there ? r % a.n : 0;
        q[at] = there ? ((const float*)a.q.data)[b * a.q.batch + (h * a.group + g) * a.q.head + i * a.q.row + column] : 0;
    }
    barrier();

    int team = (int)threadIdx.x / LANES, place = (int)threadIdx.x % LANES;
    const TYPE* k = (const TYPE*)a.k.data + first * a.k.batch + h * a.k.head;
    const TYPE* v = (const TYPE*)a.v.data + first * a.v.batch + h * a.v.head;
    int end = min(length, (split + 1) * each);

    float o[ROWS][OWN], max[ROWS], sum[ROWS];
    int limit[ROWS];  // keys that a row sees by its place
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        max[r] = -INFINITE;
        sum[r] = 0;
        limit[r] = a.causal ? (first_row + r) % a.n + 1 + length - a.n : length;
#pragma unroll
        for (int c = 0; c < OWN; c++) o[r][c] = 0;
    }
    for (int from = split * each; from < end; from += STEP) {
        int own = from + team * UNROLL;
#ifdef PAGED
        const TYPE* own_k = k + (own < end ? place_of(a, a.k, b, own) : 0);
        const TYPE* own_v = v + (own < end ? place_of(a, a.v, b, own) : 0);
#define ROW(x, key) (own_##x + ((key)-own) * a.x.row)
#else
#define ROW(x, key) (x + (key) * a.x.row)
#endif
        Word4 kw[UNROLL][PIECES], vw[UNROLL][PIECES];
        bool seen[UNROLL];
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            int key = own + u;
            seen[u] = key < end && (!a.keys || a.keys[b * a.keys_batch + key * a.keys_key] != 0);
#pragma unroll
            for (int p = 0; p < PIECES; p++) {
                int column = p * LANES * EACH + place * EACH;
                kw[u][p] = piece(ROW(k, key), seen[u] ? column : DIM, a.d);
            }
        }
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
#pragma unroll
            for (int p = 0; p < PIECES; p++) {
                int column = p * LANES * EACH + place * EACH;
                vw[u][p] = piece(ROW(v, own + u), seen[u] ? column : DIM, a.d);
            }
        }
        // Scores: this lane's part of each key's product with each row, then the sum over the team's lanes.
        float s[ROWS][UNROLL];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
#pragma unroll
            for (int u = 0; u < UNROLL; u++) s[r][u] = 0;
        }
#pragma unroll
        for (int p = 0; p < PIECES; p++) {
#pragma unroll
            for (int c = 0; c < EACH; c += 4) {
                float x[UNROLL][4];
#pragma unroll
                for (int u = 0; u < UNROLL; u++) widen(x[u], kw[u][p], c, TYPE());
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    if (r >= rows) break;
                    Word4 w = load16(q + r * DIM + p * LANES * EACH + place * EACH + c);
#pragma unroll
                    for (int u = 0; u < UNROLL; u++) {
                        s[r][u] = fmaf(as_float(w.x), x[u][0], s[r][u]);
                        s[r][u] = fmaf(as_float(w.y), x[u][1], s[r][u]);
                        s[r][u] = fmaf(as_float(w.z), x[u][2], s[r][u]);
                        s[r][u] = fmaf(as_float(w.w), x[u][3], s[r][u]);
                    }
                }
            }
        }
        // A lane is left with the sum of one key, number lane % 4: halves of the lanes keep halves of the keys.
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            if (r >= rows) break;
            bool upper = place & 2, odd = place & 1;
            float x = upper ? s[r][2] : s[r][0], y = upper ? s[r][3] : s[r][1];
            x += shuffle_xor(upper ? s[r][0] : s[r][2], 2);
            y += shuffle_xor(upper ? s[r][1] : s[r][3], 2);
            float score = (odd ? y : x) + shuffle_xor(odd ? x : y, 1);
#pragma unroll
            for (int m = 4; m < LANES; m *= 2) score += shuffle_xor(score, m);
            int u = place % 4;
            bool sees = (u < 2 ? u < 1 ? seen[0] : seen[1] : u < 3 ? seen[2] : seen[3]) && own + u < limit[r];
            score = sees ? score * a.scale : -INFINITE;
            float top = fmaxf(score, shuffle_xor(score, 1));
            top = fmaxf(max[r], fmaxf(top, shuffle_xor(top, 2)));
            float base = top == -INFINITE ? 0 : top;  // a row that has seen nothing yet
            float shrink = expf(max[r] - base);
            max[r] = top;
            float weight = expf(score - base);
            float all = weight + shuffle_xor(weight, 1);
            sum[r] = sum[r] * shrink + (all + shuffle_xor(all, 2));
#pragma unroll
            for (int c = 0; c < OWN; c++) o[r][c] *= shrink;
#pragma unroll
            for (int i = 0; i < UNROLL; i++) s[r][i] = shuffle(weight, lane() / 4 * 4 + i);
        }
#pragma unroll
        for (int i = 0; i < UNROLL * OWN / 4; i++) {
            int u = i / (OWN / 4), at = i % (OWN / 4) * 4;
            float x[4];
            widen(x, vw[u][at / EACH], at % EACH, TYPE());
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                if (r >= rows) break;
                if (own + u >= limit[r]) continue;
#pragma unroll
                for (int c = 0; c < 4; c++) o[r][at + c] = fmaf(s[r][u], x[c], o[r][at + c]);
            }
        }
    }

    // The teams of the block, in order.
    barrier();
    float* parts = (float*)shared;                  // [team, row, DIM]
    float* sums = parts + TEAMS * ROWS * DIM;       // [team, row, (m, l)]
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int c = 0; c < OWN; c++) parts[(team * ROWS + r) * DIM + c / EACH * LANES * EACH + place * EACH + c % EACH] = o[r][c];
        if (place == 0) {
            sums[(team * ROWS + r) * 2] = max[r];
            sums[(team * ROWS + r) * 2 + 1] = sum[r];
        }
    }
    barrier();
    for (int at = (int)threadIdx.x; at < rows * DIM; at += THREADS) {
        int r = at / DIM, column = at % DIM;
        float top = -INFINITE, l = 0, y = 0;
#pragma unroll
        for (int t = 0; t < TEAMS; t++) top = fmaxf(top, sums[(t * ROWS + r) * 2]);
        float base = top == -INFINITE ? 0 : top;
#pragma unroll 8
        for (int t = 0; t < TEAMS; t++) {
            float weight = expf(sums[(t * ROWS + r) * 2] - base);
            l = fmaf(sums[(t * ROWS + r) * 2 + 1], weight, l);
            y = fmaf(parts[(t * ROWS + r) * DIM + column], weight, y);
        }
        if (column >= a.d) continue;
        int g = (first_row + r) / a.n, i = (first_row + r) % a.n;
        if (splits == 1) {
            ((float*)a.out.data)[b * a.out.batch + (h * a.group + g) * a.out.head + i * a.out.row + column] = y * (l == 0 ? 0 : 1 / l);
            if (column == 0) finish(a, b, h * a.group + g, i, top, l);
        } else {
            i64 part = ((i64)(b * a.heads + h) * a.group * a.n + first_row + r) * a.splits + split;
            a.parts[part * a.d + column] = y;
            if (column == 0) {
                a.sums[2 * part] = top;
                a.sums[2 * part + 1] = l;
            }
        }
    }
}

// A block a query.
KERNEL(THREADS, 2, attention_combine, Args) {
    SHARED(float, parts, WARPS * DIM);
    SHARED(float, tops, WARPS);
    SHARED(float, ls, WARPS);
    i64 query = blockIdx.x;
#ifdef PAGED
    int splits = splits_of((int)a.lengths[query / (a.heads * a.group)]);
    if (splits == 1) return;
#else
    int splits = a.splits;
#endif
    const float* sums = a.sums + query * a.splits * 2;
    const float* o = a.parts + query * a.splits * a.d;
    float top = -INFINITE;
    for (int s = (int)threadIdx.x; s < splits; s += THREADS) top = fmaxf(top, sums[2 * s]);
    top = warp_max(top);
    if (lane() == 0) tops[warp()] = top;
    barrier();
#pragma unroll
    for (int w = 0; w < WARPS; w++) top = fmaxf(top, tops[w]);
    float base = top == -INFINITE ? 0 : top, l = 0, y[DIM / WARP];
#pragma unroll
    for (int c = 0; c < DIM / WARP; c++) y[c] = 0;
#pragma unroll 4
    for (int s = warp(); s < splits; s += WARPS) {
        float weight = expf(sums[2 * s] - base);
        l = fmaf(sums[2 * s + 1], weight, l);
#pragma unroll
        for (int c = 0; c < DIM / WARP; c++) {
            int column = c * WARP + lane();
            if (column < a.d) y[c] = fmaf(o[(i64)s * a.d + column], weight, y[c]);
        }
    }
#pragma unroll
    for (int c = 0; c < DIM / WARP; c++) parts[warp() * DIM + c * WARP + lane()] = y[c];
    if (lane() == 0) ls[warp()] = l;
    barrier();
    l = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++) l += ls[w];
    float share = l == 0 ? 0 : 1 / l;
    int i = (int)(query % a.n), head = (int)(query / a.n % (a.heads * a.group)), b = (int)(query / a.n / (a.heads * a.group));
    float* out = (float*)a.out.data + b * a.out.batch + head * a.out.head + i * a.out.row;
    for (int column = (int)threadIdx.x; column < a.d; column += THREADS) {
        float x = 0;
#pragma unroll
        for (int w = 0; w < WARPS; w++) x += parts[w * DIM + column];
        out[column] = x * share;
    }
    if (threadIdx.x == 0) finish(a, b, head, i, top, l);
}
