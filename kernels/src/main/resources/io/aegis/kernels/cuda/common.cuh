// common.cuh: the words that every kernel here is written in. It alone holds inline PTX.
//
// Kernels are header-free: this file is handed to NVRTC in memory, and to g++ when the emulator runs a kernel on the host.
// There emulator.h gives the same words another meaning (a thread is a fibre, a barrier is a switch), so a kernel uses
// these words, threadIdx, blockIdx, blockDim, gridDim and the maths functions of the language, and nothing else.
//
//   KERNEL(threads, blocks, name, Args)   an entry that takes one struct `a` by value; `blocks` resident at least
//   SHARED(type, name, count)             a fixed array in shared memory
//   DYNAMIC_SHARED(name)                  u8* to the launch's dynamic shared memory, 1024-byte aligned
//   barrier()                             all threads of the block meet
//   A struct Args is laid out as C does it on a 64-bit machine; Arguments.java packs it.
#pragma once

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

struct bf16 { u16 bits; };
struct f16 { u16 bits; };

// A strided window, in elements: what View.java is. Dimensions beyond rank have size 1 and stride 0.
enum { MAX_RANK = 6 };
struct View {
    u8* data;
    i32 rank;
    i32 unused;
    i64 size[MAX_RANK];
    i64 stride[MAX_RANK];
};

#ifdef AEGIS_EMULATOR
#include "emulator.h"
#else

#define DEVICE __device__ __forceinline__
#define KERNEL(threads, blocks, name, Args) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Args a)
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define DYNAMIC_SHARED(name) extern __shared__ __align__(1024) u8 name[]

DEVICE void barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __syncwarp(); }
// Named barrier among a multiple of 32 threads; id 1 to 15.
DEVICE void barrier_of(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

// Warp-wide exchange; every lane takes part.
DEVICE float shuffle_xor(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE u32 shuffle_xor(u32 x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE i32 shuffle_xor(i32 x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE float shuffle(float x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
DEVICE u32 shuffle(u32 x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
DEVICE i32 shuffle(i32 x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
DEVICE u32 shuffle_up(u32 x, int by) { return __shfl_up_sync(0xffffffffu, x, by); }
DEVICE u32 votes(bool p) { return __ballot_sync(0xffffffffu, p); }
DEVICE int count_bits(u32 x) { return __popc(x); }
DEVICE int lowest_bit(u32 x) { return __ffs((int)x) - 1; }
DEVICE int leading_zeros(u32 x) { return __clz((int)x); }
DEVICE u32 multiply_high(u32 a, u32 b) { return __umulhi(a, b); }
// Four of the eight bytes of a (0 to 3) and b (4 to 7), each named by a hexadecimal digit of `which`, the lowest first.
DEVICE u32 select_bytes(u32 a, u32 b, u32 which) { return __byte_perm(a, b, which); }

DEVICE float as_float(u32 x) { return __uint_as_float(x); }
DEVICE u32 as_bits(float x) { return __float_as_uint(x); }
DEVICE double as_double(u64 x) { return __longlong_as_double((i64)x); }
DEVICE u64 as_bits(double x) { return (u64)__double_as_longlong(x); }

// x, but the compiler does not know: what was computed from it before is computed again rather than kept in registers.
DEVICE u32 again(u32 x) { asm volatile("" : "+r"(x)); return x; }

// Fast approximations, good to about 2 units in the last place of float32's 24 bits.
DEVICE float ex2(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
DEVICE float lg2(float x) { float y; asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }
DEVICE float reciprocal(float x) { float y; asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }

// Rounding to nearest even; two at a time, the first in the low half.
DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
DEVICE float to_float(f16 x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits)); return y; }
DEVICE void from_float(float x, float& y) { y = x; }
DEVICE void from_float(float x, bf16& y) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x)); }
DEVICE void from_float(float x, f16& y) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x)); }
DEVICE u32 pack(float low, float high, bf16) { u32 y; asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low)); return y; }
DEVICE u32 pack(float low, float high, f16) { u32 y; asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low)); return y; }

// 16 bytes at once, from and to global or shared memory; the address is a multiple of 16.
struct __align__(16) Word4 { u32 x, y, z, w; };
DEVICE Word4 load16(const void* p) { return *(const Word4*)p; }
DEVICE void store16(void* p, Word4 v) { *(Word4*)p = v; }
// The same, for global memory that this launch reads once: it does not push other data out of the first-level cache.
DEVICE Word4 load16_once(const void* p) {
    Word4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

// Asynchronous copies from global to shared memory, 16 bytes, of which the first `bytes` (0 to 16) are read and the rest are
// zero; both addresses are multiples of 16. A copy has arrived for the thread that issued it after copies_wait<n>() left at
// most n of its groups open, for others after a barrier behind that.
DEVICE u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
DEVICE void copy_async16(void* to, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
DEVICE void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> DEVICE void copies_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// Four 8x8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, in shared memory).
// Register i of lane l then holds elements 2 (l % 4) and 2 (l % 4) + 1 of row l / 4 of matrix i; transposed: of column l / 4.
DEVICE void load_matrices(u32 (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
DEVICE void load_matrices_transposed(u32 (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// d += a b with a 16 x 16 (row-major), b 16 x 8 (column-major), d 16 x 8 in float32. Lane l, g = l / 4, t = l % 4 holds
//   a[0] (g, 2t..2t+1)  a[1] (g+8, 2t..)  a[2] (g, 2t+8..)  a[3] (g+8, 2t+8..)
//   b[0] (2t..2t+1, g)  b[1] (2t+8..2t+9, g)      d[0..1] (g, 2t..2t+1)  d[2..3] (g+8, 2t..2t+1)
DEVICE void multiply_add(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void multiply_add(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Global memory, among all blocks.
DEVICE u32 atomic_add(u32* p, u32 x) { return atomicAdd(p, x); }
DEVICE float atomic_add(float* p, float x) { return atomicAdd(p, x); }
// What this thread wrote before is seen by all blocks before what it writes after.
DEVICE void fence() { __threadfence(); }

#endif

// What follows is written in the words above, for the GPU and the host alike.

enum { WARP = 32 };
DEVICE int lane() { return (int)(threadIdx.x % WARP); }
DEVICE int warp() { return (int)(threadIdx.x / WARP); }

DEVICE float larger(float a, float b) { return a > b ? a : b; }
DEVICE float smaller(float a, float b) { return a < b ? a : b; }
template <class T> DEVICE T least(T a, T b) { return a < b ? a : b; }

DEVICE u64 shuffle_xor(u64 x, int mask) { return (u64)shuffle_xor((u32)(x >> 32), mask) << 32 | shuffle_xor((u32)x, mask); }
DEVICE double shuffle_xor(double x, int mask) { return as_double(shuffle_xor(as_bits(x), mask)); }

// A tree over the lanes: the order of the sum is fixed, and every lane has the result.
DEVICE float warp_sum(float x) {
    for (int m = WARP / 2; m > 0; m /= 2) x += shuffle_xor(x, m);
    return x;
}
DEVICE double warp_sum(double x) {
    for (int m = WARP / 2; m > 0; m /= 2) x += shuffle_xor(x, m);
    return x;
}
DEVICE float warp_max(float x) {
    for (int m = WARP / 2; m > 0; m /= 2) x = larger(x, shuffle_xor(x, m));
    return x;
}
// Over a block of up to 1024 threads, a multiple of 32; `room` is 32 floats of shared memory, free again behind a barrier.
DEVICE float block_sum(float x, float* room) {
    x = warp_sum(x);
    if (lane() == 0) room[warp()] = x;
    barrier();
    float y = lane() < (int)(blockDim.x / WARP) ? room[lane()] : 0.f;
    return warp_sum(y);
}
DEVICE double block_sum(double x, double* room) {
    x = warp_sum(x);
    if (lane() == 0) room[warp()] = x;
    barrier();
    double y = lane() < (int)(blockDim.x / WARP) ? room[lane()] : 0.0;
    return warp_sum(y);
}
DEVICE float block_max(float x, float* room) {
    x = warp_max(x);
    if (lane() == 0) room[warp()] = x;
    barrier();
    float y = lane() < (int)(blockDim.x / WARP) ? room[lane()] : room[0];
    return warp_max(y);
}

// Four neighbours, at an address that is a multiple of their size together.
DEVICE void load4(float (&x)[4], const float* p) {
    Word4 w = load16(p);
    x[0] = as_float(w.x), x[1] = as_float(w.y), x[2] = as_float(w.z), x[3] = as_float(w.w);
}
template <class Half> DEVICE void load4(float (&x)[4], const Half* p) {
    u64 w = *(const u64*)p;
#pragma unroll
    for (int k = 0; k < 4; k++) x[k] = to_float(Half{(u16)(w >> 16 * k)});
}
DEVICE void store4(const float (&x)[4], float* p) { store16(p, {as_bits(x[0]), as_bits(x[1]), as_bits(x[2]), as_bits(x[3])}); }
template <class Half> DEVICE void store4(const float (&x)[4], Half* p) {
    *(u64*)p = (u64)pack(x[2], x[3], Half()) << 32 | pack(x[0], x[1], Half());
}

// Elements behind the first of the `linear`-th element in row-major order.
DEVICE i64 position(const View& v, i64 linear) {
    i64 at = 0;
    for (int d = v.rank - 1; d >= 0; d--) {
        at += linear % v.size[d] * v.stride[d];
        linear /= v.size[d];
    }
    return at;
}

// What Activation.java names, by its place there.
enum { NONE, RELU, GELU, QUICK_GELU, GELU_TANH, SILU, SIGMOID, EXP, LOG, SQRT };
DEVICE float activate(i32 which, float x) {
    switch (which) {
        case RELU: return x <= 0.f ? 0.f : x;
        case GELU: return 0.5f * x * erfcf(-0.70710678f * x);
        case QUICK_GELU: return x / (1.f + expf(-1.702f * x));
        case GELU_TANH: return x / (1.f + expf(-1.5957691f * (x + 0.044715f * x * x * x)));
        case SILU: return x / (1.f + expf(-x));
        case SIGMOID: return 1.f / (1.f + expf(-x));
        case EXP: return expf(x);
        case LOG: return logf(x);
        case SQRT: return sqrtf(x);
        default: return x;
    }
}

// Division of n below 2^31 by a number known at launch: n / by = (2n magic >> 32) >> shift, with magic = 2^(31+shift) / by
// rounded up and shift = log2(by) rounded up; Arguments.divisor packs it. The rounding adds n (magic by - 2^(31+shift)) <
// 2^31 2^shift to the numerator, less than one part in `by`.
struct Divisor { u32 magic, shift, by, unused; };
DEVICE u32 quotient(u32 n, const Divisor& d) { return multiply_high(2 * n, d.magic) >> d.shift; }

// The index space of a pointwise kernel, as Space.java packs it: few dimensions, innermost first, walked in `count` steps of
// `width` neighbours (1, or 4 float32); the last step may have only `tail` of them.
struct Space {
    u32 count, tail;
    i32 rank, width;
    Divisor size[MAX_RANK];
};
// What one array has in such a space: distances in elements between neighbours along its dimensions.
struct Operand {
    u8* data;
    u32 step[MAX_RANK];
};
// Elements behind the first of step n of the space, for each operand. Gives the place along the outermost dimension.
template <int N> DEVICE u32 locate(const Space& s, const Operand (&o)[N], u32 n, u64 (&at)[N]) {
#pragma unroll
    for (int k = 0; k < N; k++) at[k] = 0;
    int d = 0;
#pragma unroll 1
    for (; d + 1 < s.rank; d++) {
        u32 next = quotient(n, s.size[d]), place = n - next * s.size[d].by;
#pragma unroll
        for (int k = 0; k < N; k++) at[k] += (u64)place * o[k].step[d];
        n = next;
    }
#pragma unroll
    for (int k = 0; k < N; k++) at[k] += (u64)n * o[k].step[d];
    return n;
}

// Philox 4x32-10 (Salmon et al., SC 2011), bit for bit as Philox.java: key (seed), counter c.
DEVICE void philox(u64 seed, u32 (&c)[4]) {
    u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
    for (int i = 0; i < 10; i++) {
        u32 h0 = multiply_high(0xD2511F53u, c[0]), l0 = 0xD2511F53u * c[0];
        u32 h1 = multiply_high(0xCD9E8D57u, c[2]), l1 = 0xCD9E8D57u * c[2];
        c[0] = h1 ^ c[1] ^ k0;
        c[2] = h0 ^ c[3] ^ k1;
        c[1] = l1;
        c[3] = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}
