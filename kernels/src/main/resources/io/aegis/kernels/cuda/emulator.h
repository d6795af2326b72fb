// emulator.h: the words of common.cuh on the host, for g++, so that kernels run and are judged where there is no GPU.
//
// A thread of a block is a fibre with a stack of its own; it runs until it says a word that others must say too (barrier(), a
// shuffle, a product of fragments), and waits there for them. Which fibre goes on, and which block is next, is drawn from a
// seed. Fragments, rounding and random numbers are the GPU's to the bit, as common.cuh writes them down; sums of a product
// are float32, one after another.
//
// What ends a launch with an error, told with kernel, block, thread and the lines of the source:
//   - lanes of a warp at different words, a lane that returned while others wait, barriers that nobody completes, a launch
//     that takes longer than it may;
//   - a read or write outside of the arrays of shared memory, of the dynamic shared memory asked for, of the part in use of
//     global memory, of the thread's own variables; one that is not aligned to its size; shared memory read before written;
//   - a race: two threads at the same bytes of shared memory, one writing, with no barrier between that both took part in.
//     warp_barrier() and barrier_of() order those who take part. Other words of a warp order nothing, as CUDA has it, so
//     lanes that exchange through memory need a warp_barrier() even where today's GPUs forgive its absence;
//   - the same in global memory, among threads of a block or of different blocks (which fence() and an atomic order);
//   - a touch to where an asynchronous copy is still on its way. Copies are performed at the last moment that is allowed;
//   - faults: a division by zero, a stack that is too small, an address that nobody knows.
// Memory starts as 0xff bytes, NaN in every format: global memory when it is allocated, shared memory before each block.
//
// What it does not see:
//   - speed: bank conflicts, coalescing, registers, occupancy;
//   - accesses that g++ removed or joined, as it compiles with -O1; order among relaxed accesses of one thread;
//   - a write after a read in global memory when another thread read the same word in between;
//   - global memory that was read before anybody wrote it, beyond the NaN in it;
//   - what approximate functions lose (ex2, lg2, expf, ... are the host's, good to the last place or two), products that nvcc
//     fuses into fmaf, and the order in which a matrix unit adds;
//   - blocks that wait for one another: one runs at a time;
//   - two pointers said to be __restrict__ that are not.
// emulator_fibres.h has the fibres, emulator_memory.h the rules for memory, emulator_signals.h the faults, emulator.cpp the
// words and the launch.
#pragma once

#include <math.h>
#include <string.h>

#define DEVICE inline __attribute__((always_inline, visibility("hidden")))  // of members as well
#define __align__(bytes) __attribute__((aligned(bytes)))

// The entry itself, and beside it what the emulator finds it by.
#define KERNEL(threads, blocks, name, Args)                                                                          \
    static __attribute__((noinline)) void name(const Args& a);                                                       \
    static void run_##name(const void* a) { name(*(const Args*)a); }                                                 \
    extern "C" __attribute__((visibility("default"))) const emulator::Entry entry_##name = {                         \
        #name, run_##name, sizeof(Args), threads};                                                                   \
    static void name(const Args& a)

// With room on both sides that nobody may touch.
#define SHARED(type, name, count)                                                                                    \
    static emulator::Fenced<type, sizeof(type[count]) / sizeof(type)> fenced_##name;                                 \
    auto& name = fenced_##name.body;                                                                                 \
    emulator::shared_array(#name, &fenced_##name, sizeof(fenced_##name), name, sizeof(name))
#define DYNAMIC_SHARED(name) u8* const name = emulator::dynamic_shared()

namespace emulator {

struct Index {
    u32 x, y, z;
};

template <class T, u64 COUNT> struct Fenced {
    u8 before[64];
    alignas(16) T body[COUNT];
    u8 behind[64];
};

struct Entry {
    const char* name;
    void (*run)(const void* arguments);
    u64 arguments;
    i32 threads;
};

// What the words below stand on, in emulator.cpp. Of each, all threads or all lanes take part unless it says otherwise.
void barrier();
void barrier_of(int id, int threads);
void warp_barrier();
u32 shuffle_xor(u32 x, int mask);
u32 shuffle(u32 x, int lane);
u32 shuffle_up(u32 x, int by);
u32 votes(bool p);
void load_matrices(u32 (&r)[4], const void* row, bool transposed);
void multiply_add_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1);
void multiply_add_f16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1);

// These each thread does alone.
void shared_array(const char* name, void* fenced, u64 room, void* at, u64 bytes);
u8* dynamic_shared();
u32 shared_address(const void* p);
void copy_async16(void* to, const void* from, int bytes);
void copies_commit();
void copies_wait(int open);
u32 atomic_add(u32* p, u32 x);
float atomic_add(float* p, float x);
void aligned16(const void* p);
void global16(const void* p);
void fence();

DEVICE float flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0.f, x) : x; }

}  // namespace emulator

// Set anew whenever another thread goes on, so constant for whoever reads them.
extern const emulator::Index threadIdx asm("emulator_thread_index");
extern const emulator::Index blockIdx asm("emulator_block_index");
extern const emulator::Index blockDim asm("emulator_block_shape");
extern const emulator::Index gridDim asm("emulator_grid_shape");

DEVICE float as_float(u32 x) { float y; memcpy(&y, &x, 4); return y; }
DEVICE u32 as_bits(float x) { u32 y; memcpy(&y, &x, 4); return y; }
DEVICE double as_double(u64 x) { double y; memcpy(&y, &x, 8); return y; }
DEVICE u64 as_bits(double x) { u64 y; memcpy(&y, &x, 8); return y; }

DEVICE u32 again(u32 x) { return x; }

DEVICE void barrier() { emulator::barrier(); }
DEVICE void warp_barrier() { emulator::warp_barrier(); }
DEVICE void barrier_of(int id, int threads) { emulator::barrier_of(id, threads); }

DEVICE u32 shuffle_xor(u32 x, int mask) { return emulator::shuffle_xor(x, mask); }
DEVICE i32 shuffle_xor(i32 x, int mask) { return (i32)emulator::shuffle_xor((u32)x, mask); }
DEVICE float shuffle_xor(float x, int mask) { return as_float(emulator::shuffle_xor(as_bits(x), mask)); }
DEVICE u32 shuffle(u32 x, int lane) { return emulator::shuffle(x, lane); }
DEVICE i32 shuffle(i32 x, int lane) { return (i32)emulator::shuffle((u32)x, lane); }
DEVICE float shuffle(float x, int lane) { return as_float(emulator::shuffle(as_bits(x), lane)); }
DEVICE u32 shuffle_up(u32 x, int by) { return emulator::shuffle_up(x, by); }
DEVICE u32 votes(bool p) { return emulator::votes(p); }
DEVICE int count_bits(u32 x) { return __builtin_popcount(x); }
DEVICE int lowest_bit(u32 x) { return __builtin_ffs((int)x) - 1; }
DEVICE int leading_zeros(u32 x) { return x == 0 ? 32 : __builtin_clz(x); }
DEVICE u32 multiply_high(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
DEVICE u32 select_bytes(u32 a, u32 b, u32 which) {
    u64 from = a | (u64)b << 32;
    u32 y = 0;
    for (int i = 0; i < 4; i++) y |= (u32)(from >> 8 * (which >> 4 * i & 7) & 255) << 8 * i;
    return y;
}

DEVICE float ex2(float x) { return emulator::flushed(exp2f(emulator::flushed(x))); }
DEVICE float lg2(float x) { return log2f(emulator::flushed(x)); }
DEVICE float reciprocal(float x) { return emulator::flushed(1.f / emulator::flushed(x)); }

// Rounding to nearest even in integers; every NaN becomes the one that the GPU's conversions give.
DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return as_float((u32)x.bits << 16); }
DEVICE float to_float(f16 x) {
    u32 sign = (u32)(x.bits & 0x8000) << 16, exponent = x.bits >> 10 & 31, fraction = x.bits & 1023;
    if (exponent == 31) return as_float(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) return as_float(sign | as_bits((float)fraction * 0x1p-24f));
    return as_float(sign | (exponent + 112) << 23 | fraction << 13);
}
DEVICE void from_float(float x, float& y) { y = x; }
DEVICE void from_float(float x, bf16& y) {
    u32 b = as_bits(x);
    y.bits = (b & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (u16)(b + 0x7fffu + (b >> 16 & 1) >> 16);
}
DEVICE void from_float(float x, f16& y) {
    u32 b = as_bits(x), sign = b >> 16 & 0x8000u, size = b & 0x7fffffffu;
    if (size > 0x7f800000u) {
        y.bits = 0x7fff;
    } else if (size >= 0x477ff000u) {  // 65520, halfway from the largest to the next power of two
        y.bits = (u16)(sign | 0x7c00);
    } else if (size < 0x38800000u) {  // subnormal: 0.5 has the same last place, so adding it rounds
        y.bits = (u16)(sign | (as_bits(as_float(size) + 0.5f) - as_bits(0.5f)));
    } else {
        y.bits = (u16)(sign | ((size + 0xfffu + (size >> 13 & 1) >> 13) - (112 << 10)));
    }
}
template <class Half> DEVICE u32 pack(float low, float high, Half) {
    Half l, h;
    from_float(low, l);
    from_float(high, h);
    return l.bits | (u32)h.bits << 16;
}

struct __align__(16) Word4 { u32 x, y, z, w; };
DEVICE Word4 load16(const void* p) { emulator::aligned16(p); return *(const Word4*)p; }
DEVICE void store16(void* p, Word4 v) { emulator::aligned16(p); *(Word4*)p = v; }
DEVICE Word4 load16_once(const void* p) { emulator::global16(p); return load16(p); }

DEVICE u32 shared_address(const void* p) { return emulator::shared_address(p); }
DEVICE void copy_async16(void* to, const void* from, int bytes) { emulator::copy_async16(to, from, bytes); }
DEVICE void copies_commit() { emulator::copies_commit(); }
template <int N> DEVICE void copies_wait() { emulator::copies_wait(N); }

DEVICE void load_matrices(u32 (&r)[4], const void* row) { emulator::load_matrices(r, row, false); }
DEVICE void load_matrices_transposed(u32 (&r)[4], const void* row) { emulator::load_matrices(r, row, true); }
DEVICE void multiply_add(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) { emulator::multiply_add_bf16(d, a, b0, b1); }
DEVICE void multiply_add(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) { emulator::multiply_add_f16(d, a, b0, b1); }

DEVICE u32 atomic_add(u32* p, u32 x) { return emulator::atomic_add(p, x); }
DEVICE float atomic_add(float* p, float x) { return emulator::atomic_add(p, x); }
DEVICE void fence() { emulator::fence(); }

// What CUDA's language has and C++ has not.
DEVICE float rsqrtf(float x) { return 1.f / sqrtf(x); }
DEVICE int min(int a, int b) { return a < b ? a : b; }
DEVICE int max(int a, int b) { return a > b ? a : b; }
DEVICE u32 min(u32 a, u32 b) { return a < b ? a : b; }
DEVICE u32 max(u32 a, u32 b) { return a > b ? a : b; }
DEVICE i64 min(i64 a, i64 b) { return a < b ? a : b; }
DEVICE i64 max(i64 a, i64 b) { return a > b ? a : b; }
DEVICE u64 min(u64 a, u64 b) { return a < b ? a : b; }
DEVICE u64 max(u64 a, u64 b) { return a > b ? a : b; }
