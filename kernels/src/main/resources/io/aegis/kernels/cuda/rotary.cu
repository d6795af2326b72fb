// rotary.cu: rotary position embedding. y[j] = x[j] c[j] - x[j + D/2] s[j], y[j + D/2] = x[j + D/2] c[j] + x[j] s[j] for each j below
// D/2, c = cos and s = sin, or -sin for the inverse.
//
// Shapes    x, y [B, N, H, D] of TYPE, rows dense   cos, sin [B, N, D/2] float32 (stride 0 along B if they have none)
// Variants  TYPE float | bf16 | f16
// Work      a thread turns EACH pairs, 16 bytes of either half of a row, or one pair where rows do not consist of such words.
//           It reads both halves before it writes: y may be x
// Tiles     256 threads a block, which go through all work in strides of the grid
// Shared    none   Barriers none
#include "rotary.cuh"

enum { THREADS = 256, EACH = 16 / sizeof(TYPE) };

struct Tokens {
    u8* data;
    i64 batch, token, head;
};
struct Angles {
    const float* data;
    i64 batch, token;
};

struct Args {
    Tokens x, y;
    Angles cos, sin;
    Divisor pairs, heads, tokens;  // pairs of a row, or groups of EACH
    u32 items;
    i32 half, wide;
    float sign;
};

DEVICE i64 row(const Tokens& t, u32 b, u32 n, u32 h) { return b * t.batch + n * t.token + h * t.head; }

// The elements of a word of 16 bytes, and back.
DEVICE void unpack(float (&y)[4], Word4 w, float) { y[0] = as_float(w.x), y[1] = as_float(w.y), y[2] = as_float(w.z), y[3] = as_float(w.w); }
template <class Half> DEVICE void unpack(float (&y)[8], Word4 w, Half) {
    const u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        Half low = {(u16)words[i]}, high = {(u16)(words[i] >> 16)};
        y[2 * i] = to_float(low), y[2 * i + 1] = to_float(high);
    }
}
DEVICE Word4 packed(const float (&x)[4], float) { return {as_bits(x[0]), as_bits(x[1]), as_bits(x[2]), as_bits(x[3])}; }
template <class Half> DEVICE Word4 packed(const float (&x)[8], Half t) { return {pack(x[0], x[1], t), pack(x[2], x[3], t), pack(x[4], x[5], t), pack(x[6], x[7], t)}; }

KERNEL(THREADS, 4, rotate, Args) {
    for (u32 i = blockIdx.x * THREADS + threadIdx.x; i < a.items; i += gridDim.x * THREADS) {
        u32 line = quotient(i, a.pairs), j = i - line * a.pairs.by;
        u32 token = quotient(line, a.heads), h = line - token * a.heads.by;
        u32 b = quotient(token, a.tokens), n = token - b * a.tokens.by;
        if (a.wide) j *= EACH;
        const TYPE* x = (const TYPE*)a.x.data + row(a.x, b, n, h) + j;
        TYPE* y = (TYPE*)a.y.data + row(a.y, b, n, h) + j;
        const float* c = a.cos.data + (b * a.cos.batch + n * a.cos.token + j);
        const float* s = a.sin.data + (b * a.sin.batch + n * a.sin.token + j);
        if (a.wide) {
            float left[EACH], right[EACH];
            unpack(left, load16(x), TYPE());
            unpack(right, load16(x + a.half), TYPE());
#pragma unroll
            for (int k = 0; k < EACH; k += 4) {
                Word4 cos = load16(c + k), sin = load16(s + k);
                const u32 cs[4] = {cos.x, cos.y, cos.z, cos.w}, sn[4] = {sin.x, sin.y, sin.z, sin.w};
#pragma unroll
                for (int l = 0; l < 4; l++) turn(left[k + l], right[k + l], as_float(cs[l]), as_float(sn[l]) * a.sign);
            }
            store16(y, packed(left, TYPE()));
            store16(y + a.half, packed(right, TYPE()));
        } else {
            float u = to_float(x[0]), v = to_float(x[a.half]);
            turn(u, v, c[0], s[0] * a.sign);
            from_float(u, y[0]);
            from_float(v, y[a.half]);
        }
    }
}
