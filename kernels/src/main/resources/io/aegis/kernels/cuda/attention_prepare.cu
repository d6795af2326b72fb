// attention_prepare.cu: what attention wants done to its operands first.
//
//   attention_cast      y = x, of another type or layout: up to 4 pairs of views [B, H, N, D] in one launch, one a blockIdx.y
//   attention_seen      the key mask [B, M] (0: nobody sees it) as bits, [B, words] with key j in bit j % 32 of word j / 32 and 0
//                       from M on; words is even. A warp a word
//   attention_delta     for the backward pass, of every query: delta = rowsum(dO * O), and lse times `unit`, where +inf stands for the
//                       rows that see no key, so that exp(s - lse) is 0 there; both [B, H, padded] float32, and 0 and +inf
//                       from N on. A warp a row
//   attention_delta_packed   the same of sequences in the same rows: [Hq, padded], each by tiles of its own (sequences.cuh)
//
// Shapes   x, y [B, H, N, D] of float32, bf16 or f16, any strides; mask u8 [B, M], any strides; O, dO [B, H, N, D] of those types, any
//          strides; lse float32 [B, H, N]
// Tiles    256 threads a block. cast: eight neighbours a thread where both views have them in words of 16 bytes, else an element
// Shared   none   Barriers none: a warp's lanes meet in votes and shuffles
#include "attention_any.cuh"
#include "sequences.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP };
#define INFINITE as_float(0x7f800000u)

struct Cast {
    AnyHeads from, to;
    Divisor width;  // columns, or groups of 8 of them
    Divisor rows, heads;
    u32 items;
    i32 wide;  // 8 float32 neighbours become 16-bit ones, all at multiples of 16 bytes
};
struct CastArgs { Cast cast[4]; };

DEVICE u32 pack_as(i32 type, u32 x, u32 y) {
    return type == IS_BF16 ? pack(as_float(x), as_float(y), bf16()) : pack(as_float(x), as_float(y), f16());
}

KERNEL(THREADS, 4, attention_cast, CastArgs) {
    const Cast& c = a.cast[blockIdx.y];
    for (u32 i = blockIdx.x * THREADS + threadIdx.x; i < c.items; i += gridDim.x * THREADS) {
        u32 line = quotient(i, c.width), column = i - line * c.width.by;
        u32 head = quotient(line, c.rows), row = line - head * c.rows.by;
        u32 b = quotient(head, c.heads), h = head - b * c.heads.by;
        if (c.wide) {
            const u8* from = c.from.data + place(c.from, b, h, row, column * 8) * 4;
            Word4 x = load16(from), y = load16(from + 16);
            Word4 z = {pack_as(c.to.type, x.x, x.y), pack_as(c.to.type, x.z, x.w), pack_as(c.to.type, y.x, y.y), pack_as(c.to.type, y.z, y.w)};
            store16(c.to.data + place(c.to, b, h, row, column * 8) * 2, z);
        } else {
            put(c.to, place(c.to, b, h, row, column), get(c.from, place(c.from, b, h, row, column)));
        }
    }
}

struct SeenArgs {
    const u8* keys;
    i64 batch, key;
    u32* seen;
    i64 count;  // of words in all
    i32 words, m;
};

KERNEL(THREADS, 4, attention_seen, SeenArgs) {
    i64 word = (i64)blockIdx.x * WARPS + warp();
    if (word >= a.count) return;
    i64 b = word / a.words, key = word % a.words * 32 + lane();
    u32 bits = votes(key < a.m && a.keys[b * a.batch + (key < a.m ? key : 0) * a.key] != 0);
    if (lane() == 0) a.seen[word] = bits;
}

struct DeltaArgs {
    AnyHeads out, dout;
    const float* lse;
    i64 lse_batch, lse_head, lse_row;
    float *delta, *scaled;
    i64 rows;  // B H padded
    i32 heads, n, padded, d;
    float unit;
};

// Of query i, which has lse (+inf where there is none), written to a row.
DEVICE void delta_of(const DeltaArgs& a, i64 row, bool there, i64 b, i64 h, i64 i) {
    float sum = 0, lse = INFINITE;
    if (there) {
        i64 o = place(a.out, b, h, i, 0), g = place(a.dout, b, h, i, 0);
        for (int c = lane(); c < a.d; c += WARP) sum = fmaf(get(a.out, o + c * a.out.column), get(a.dout, g + c * a.dout.column), sum);
        lse = a.lse[b * a.lse_batch + h * a.lse_head + i * a.lse_row];
        lse = lse == -INFINITE ? INFINITE : lse * a.unit;
    }
    sum = warp_sum(sum);
    if (lane() == 0) {
        a.delta[row] = sum;
        a.scaled[row] = lse;
    }
}

KERNEL(THREADS, 4, attention_delta, DeltaArgs) {
    i64 row = (i64)blockIdx.x * WARPS + warp();
    if (row >= a.rows) return;
    i64 i = row % a.padded;
    delta_of(a, row, i < a.n, row / a.padded / a.heads, row / a.padded % a.heads, i);
}

KERNEL(THREADS, 4, attention_delta_packed, Packed<DeltaArgs>) {
    i64 row = (i64)blockIdx.x * WARPS + warp();
    if (row >= a.all.rows) return;
    int at = (int)(row % a.all.padded), tile;
    Sequence s;
    bool there = queries_at<128>(a.sequences, at / 128, s, tile);
    int i = tile * 128 + at % 128;
    delta_of(a.all, row, there && i < s.queries, 0, row / a.all.padded, s.query + i);
}
