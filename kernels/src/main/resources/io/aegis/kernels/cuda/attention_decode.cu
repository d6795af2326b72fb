// attention_decode.cu: attention of few queries over a long cache, in float32 but for what the cache is stored in.
//
// Shapes    Q, O [B, Hq, N, d] of any type and layout   K, V [B, Hkv, M, d] of TYPE   LSE [B, Hq, N]
// Variants  TYPE float, at DIM 256 also bf16 | f16: narrower ones are attention_decode_matrix.cu's   DIM 64 | 128 | 256: at least d
//           ROWS 4 | 8: queries that a block serves at once
//           PAGED: K and V [pages, Hkv, T, d], T a power of two and at least 4; N = 1; a sequence has M = lengths[b] keys, key j at place
//           j % T of page table[b, j / T]. It is split as by itself, and so has the bits of K and V in one piece; blocks of splits
//           that only longer sequences have end at once.
//
// attention_decode       a block has `split` keys of one key head and up to ROWS of the queries that meet it (those of all heads of the
//     group), so that a byte of the cache is read once for ROWS of them. LANES lanes share a row of K or V, 16 bytes each (at
//     DIM 256 in float32 twice), so a load of a warp brings 32 / LANES keys; every lane has UNROLL loads of K and of V in
//     flight. Teams of LANES lanes have a maximum, a sum and an O each and go through every TEAMS-th group of UNROLL keys; at
//     last the teams of the block are added in order.
//     Shared: Q (ROWS x DIM); then, over it, (m, l, O) of each team and row. Splits are added as attention_decode.cuh says.
#include "attention_decode.cuh"

enum { WARPS = 8, THREADS = WARPS * WARP, UNROLL = 4 };
enum { EACH = 16 / sizeof(TYPE), PER_ROW = DIM / EACH, LANES = PER_ROW < WARP ? PER_ROW : WARP, PIECES = PER_ROW / LANES, OWN = EACH * PIECES };
enum { TEAMS = THREADS / LANES, STEP = TEAMS * UNROLL };

#ifdef PAGED
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

KERNEL(THREADS, ROWS == 4 && DIM <= 128 ? 2 : 1, attention_decode, Args) {
    DYNAMIC_SHARED(shared);
    float* q = (float*)shared;
    Part p;
    if (!find_part(p, a, blockIdx.x)) return;
    int b = p.b, rows = p.rows, end = p.end;

    for (int at = (int)threadIdx.x; at < ROWS * DIM; at += THREADS) {
        int r = at / DIM, column = at % DIM;
        q[at] = r < rows && column < a.d ? get(a.q, place(a.q, b, head_of(a, p, r), query_of(a, p, r), column)) : 0;
    }
    barrier();

    int team = (int)threadIdx.x / LANES, place = (int)threadIdx.x % LANES;
    const TYPE* k = (const TYPE*)a.k.data + p.first * a.k.batch + p.h * a.k.head;
    const TYPE* v = (const TYPE*)a.v.data + p.first * a.v.batch + p.h * a.v.head;

    float o[ROWS][OWN], max[ROWS], sum[ROWS];
    int limit[ROWS];  // keys that a row sees by its place
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        max[r] = -INFINITE;
        sum[r] = 0;
        limit[r] = limit_of(a, p, r);
#pragma unroll
        for (int c = 0; c < OWN; c++) o[r][c] = 0;
    }
    for (int from = p.begin; from < end; from += STEP) {
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
    for (int at = (int)threadIdx.x; at < rows * DIM / 4; at += THREADS) {
        int r = at / (DIM / 4), column = at % (DIM / 4) * 4;
        float top = -INFINITE, l = 0, y[4] = {0, 0, 0, 0};
#pragma unroll
        for (int t = 0; t < TEAMS; t++) top = fmaxf(top, sums[(t * ROWS + r) * 2]);
        float base = top == -INFINITE ? 0 : top;
#pragma unroll 8
        for (int t = 0; t < TEAMS; t++) {
            float weight = expf(sums[(t * ROWS + r) * 2] - base), x[4];
            l = fmaf(sums[(t * ROWS + r) * 2 + 1], weight, l);
            load4(x, parts + (t * ROWS + r) * DIM + column);
#pragma unroll
            for (int c = 0; c < 4; c++) y[c] = fmaf(x[c], weight, y[c]);
        }
        leave_row<false>(a, p, r, column, y, top, l);
    }
    if (p.splits == 1) return;
    add_splits<THREADS, false>(a, p, sums + TEAMS * ROWS * 2);
}
