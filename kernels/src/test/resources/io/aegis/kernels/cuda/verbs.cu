// Every word of common.cuh once, for EmulatorEngineTest. One warp or block writes what the words gave it.
#include "common.cuh"

// out[verb][thread] as 32 bits.
struct Words { u32* out; };

KERNEL(64, 1, warp_words, Words) {
    int t = threadIdx.x;
    u32* out = a.out + t;
    out[0 * 64] = shuffle_xor((u32)t, 5);
    out[1 * 64] = (u32)shuffle_xor((i32)-t, 16);
    out[2 * 64] = as_bits(shuffle_xor((float)t, 1));
    out[3 * 64] = shuffle((u32)t, 7);
    out[4 * 64] = (u32)shuffle((i32)-t, 31 - lane());
    out[5 * 64] = as_bits(shuffle((float)t, 0));
    out[6 * 64] = shuffle_up((u32)t, 3);
    out[7 * 64] = votes(t % 3 == 0);
    out[8 * 64] = count_bits((u32)t);
    out[9 * 64] = lowest_bit((u32)t);
    out[10 * 64] = leading_zeros((u32)t);
    out[11 * 64] = multiply_high(0x9E3779B9u, (u32)t << 20);
    out[12 * 64] = as_bits(warp_sum((float)t));
    out[13 * 64] = as_bits(warp_max((float)(t ^ 21)));
    out[14 * 64] = lane() + 100 * warp();
    out[15 * 64] = select_bytes(0x33221100u + t, 0x77665544u, 0x7104u);
    out[16 * 64] = (u32)(as_bits(shuffle_xor(0.5 + t, 9)) >> 32);
    out[17 * 64] = (u32)(as_bits(warp_sum(0x1p-40 * t)) >> 32);
}

KERNEL(1024, 1, block_words, Words) {
    SHARED(float, room, 32);
    SHARED(float, other, 32);
    float sum = block_sum((float)threadIdx.x, room);
    float max = block_max((float)(threadIdx.x ^ 77u), other);
    u32 at = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    if (threadIdx.x == blockDim.x - 1) {
        a.out[2 * at] = as_bits(sum);
        a.out[2 * at + 1] = as_bits(max);
    }
}

// Reverses the threads' order through shared memory, each half of the block for itself.
KERNEL(128, 1, named_barriers, Words) {
    DYNAMIC_SHARED(memory);
    u32* own = (u32*)memory + threadIdx.x / 64 * 64;
    int t = threadIdx.x % 64;
    for (u32 round = 0; round < 3; round++) {
        own[t] = round * 1000 + threadIdx.x;
        barrier_of(1 + threadIdx.x / 64, 64);
        a.out[round * 128 + threadIdx.x] = own[63 - t];
        barrier_of(1 + threadIdx.x / 64, 64);
    }
}

// Each thread's four numbers, through float and both halves: x, x as bf16, x as f16, one behind the other.
struct Fours { const float* in; float* floats; u16 *brains, *halves; };
KERNEL(32, 1, fours, Fours) {
    float x[4];
    load4(x, a.in + 4 * threadIdx.x);
    store4(x, a.floats + 4 * threadIdx.x);
    store4(x, (bf16*)a.brains + 4 * threadIdx.x);
    store4(x, (f16*)a.halves + 4 * threadIdx.x);
    float y[4], z[4];
    load4(y, (const bf16*)a.brains + 4 * threadIdx.x);
    load4(z, (const f16*)a.halves + 4 * threadIdx.x);
    for (int i = 0; i < 4; i++) a.floats[128 + 4 * threadIdx.x + i] = y[i] - z[i];
}

struct Numbers { const float* in; u32* out; i32 count; };

// Seven results a number: ex2, lg2, reciprocal, bf16 and f16 with the way back.
KERNEL(32, 1, conversions, Numbers) {
    for (int i = threadIdx.x; i < a.count; i += blockDim.x) {
        float x = a.in[i];
        bf16 b;
        f16 h;
        float f;
        from_float(x, b);
        from_float(x, h);
        from_float(x, f);
        u32* out = a.out + 8 * i;
        out[0] = as_bits(ex2(x));
        out[1] = as_bits(lg2(x));
        out[2] = as_bits(reciprocal(x));
        out[3] = pack(x, 1.f, bf16());
        out[4] = pack(x, 1.f, f16());
        out[5] = as_bits(to_float(b));
        out[6] = as_bits(to_float(h));
        out[7] = as_bits(to_float(f));
    }
}

struct Draw { u64 seed; u32* counters; i32 count; };

KERNEL(128, 1, draw, Draw) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < a.count) {
        u32 c[4] = {a.counters[4 * i], a.counters[4 * i + 1], a.counters[4 * i + 2], a.counters[4 * i + 3]};
        philox(a.seed, c);
        for (int w = 0; w < 4; w++) a.counters[4 * i + w] = c[w];
    }
}

struct Product { const u16 *left, *right; float* out; i32 half; i32 transposed; };

// out [16, 8] += left [16, 16] times right, which is [8, 16] (a row a column of the product) or [16, 8] (transposed).
template <class Half> DEVICE void product_of(const Product& a) {
    SHARED(u16, x, 16 * 16);
    SHARED(u16, y, 16 * 16);
    int l = lane();
    copy_async16(x + 8 * l, a.left + 8 * l, 16);
    copies_commit();
    // Of a pair of rows each lane brings 16 bytes; what is beyond the 16 rows of 16 bytes is zero.
    copy_async16(y + 8 * l, a.right + 8 * (l % 16), l < 16 ? 16 : 0);
    copies_commit();
    copies_wait<0>();
    warp_barrier();
    u32 f[4], g[4];
    load_matrices(f, x + 16 * (l % 16) + 8 * (l / 16));
    if (a.transposed) {
        load_matrices_transposed(g, y + 8 * l);
    } else {
        load_matrices(g, y + 16 * (l % 8) + 8 * (l / 8 % 2));
    }
    int row = l / 4, column = 2 * (l % 4);
    float d[4];
    for (int i = 0; i < 4; i++) d[i] = a.out[(row + i / 2 * 8) * 8 + column + i % 2];
    multiply_add(d, f, g[0], g[1], Half());
    for (int i = 0; i < 4; i++) a.out[(row + i / 2 * 8) * 8 + column + i % 2] = d[i];
}

KERNEL(32, 1, product, Product) {
    if (a.half) {
        product_of<f16>(a);
    } else {
        product_of<bf16>(a);
    }
}

struct Bytes { const u8* in; u8* out; };

// Lane l copies its first l % 17 bytes, in two groups of which the second is waited for later.
KERNEL(64, 1, partial_copies, Bytes) {
    DYNAMIC_SHARED(memory);
    int t = threadIdx.x;
    copy_async16(memory + 16 * t, a.in + 16 * t, t % 17);
    copies_commit();
    copy_async16(memory + 1024 + 16 * t, a.in + 1024 + 16 * t, 16);
    copies_commit();
    copies_wait<1>();
    barrier();
    int from = 63 - t;
    store16(a.out + 16 * from, load16(memory + 16 * from));
    copies_wait<0>();
    barrier();
    store16(a.out + 1024 + 16 * from, load16(memory + 1024 + 16 * from));
}

struct Count { u32* tickets; float* sum; u32* last; };

// The block that takes the last ticket says how many there were.
KERNEL(64, 1, count, Count) {
    SHARED(u32, ticket, 1);
    atomic_add(a.sum, 0.5f);
    fence();
    barrier();
    if (threadIdx.x == 0) ticket[0] = atomic_add(a.tickets, 1u);
    barrier();
    if (ticket[0] == gridDim.x - 1 && threadIdx.x == 1) *a.last = *a.tickets;
}

struct Copied { View from; float* to; i64 count; };

KERNEL(64, 1, gather, Copied) {
    i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < a.count) a.to[i] = ((const float*)a.from.data)[position(a.from, i)];
}
