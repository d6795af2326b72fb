// hopper.cuh: the words that only compute capability 9.0 has (sm_90a): tiles that a copy engine brings, barriers in shared memory
// that count its bytes, and products of a warpgroup (four warps) straight from shared memory. With common.cuh it alone holds
// inline PTX (PTX ISA, sections on mbarrier, cp.async.bulk.tensor and wgmma).
//
// A tile in shared memory here is of rows of 128 bytes, 64 elements, whose chunks of 16 bytes are exchanged within each eight
// rows: chunk c of row r lies at place c ^ (r % 8). Narrower rows are exchanged less: of 64 bytes c ^ (r / 2 % 4), of 32 bytes
// c ^ (r / 4 % 2). The copy engine writes it so, and a product reads it so. Tiles begin at multiples of 1024 bytes.
#pragma once
#include "common.cuh"

enum {
    SLAB_BYTES = 128,  // of a row of a tile
    SLAB = SLAB_BYTES / 2,
    TILE_ALIGNMENT = 1024,
    WARPGROUP = 128
};

// Of up to four dimensions in global memory, the innermost first: what Engine.tensorMap makes.
struct __align__(64) TensorMap { u64 opaque[16]; };

// A barrier in shared memory. Its phases follow each other: one is over when as many threads as bar_init said have arrived and
// the bytes that they expect have come. A parity names a phase: 0 the first, 1 the second, 0 the third.
struct Bar { u64 state; };

// Where a product finds a tile, and how it steps through it.
typedef u64 Descriptor;

#ifdef AEGIS_EMULATOR
#include "emulator_hopper.h"
#else

DEVICE void bar_init(Bar& b, int arrivals) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&b)), "r"(arrivals) : "memory"); }
// Behind the last bar_init and before the barrier() that lets others use them.
DEVICE void bars_made() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
DEVICE void bar_arrive(Bar& b) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&b)) : "memory"); }
// Arrives, and says how many bytes are on their way.
DEVICE void bar_expect(Bar& b, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&b)), "r"(bytes) : "memory");
}
// Waits for the end of the phase of this parity.
DEVICE void bar_wait(Bar& b, u32 parity) {
    asm volatile("{ .reg .pred done; waiting: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; @!done bra waiting; }"
        ::"r"(shared_address(&b)), "r"(parity) : "memory");
}

// Brings the box at (x, y, z, w) of a map to a tile; elements outside of the map are zero, and count as bytes that came.
DEVICE void tile_load(void* to, const TensorMap& map, Bar& b, int x, int y, int z, int w) {
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];"
        ::"r"(shared_address(to)), "l"(&map), "r"(shared_address(&b)), "r"(x), "r"(y), "r"(z), "r"(w) : "memory");
}
// Brings floats to shared memory as they lie; both addresses and the bytes are multiples of 16.
DEVICE void floats_load(float* to, const float* from, int count, Bar& b) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
        ::"r"(shared_address(to)), "l"(from), "r"(4 * count), "r"(shared_address(&b)) : "memory");
}
// Adds floats of shared memory to as many of global memory, each in one piece, in any order beside other blocks; both addresses and
// the bytes are multiples of 16. The shared ones may be written again when this thread, behind adds_commit(), has come out of adds_read().
DEVICE void floats_add(float* to, const float* from, int count) {
    asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;"
        ::"l"(to), "r"(shared_address(from)), "r"(4 * count) : "memory");
}
DEVICE void adds_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
DEVICE void adds_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }
DEVICE void tile_announce(const TensorMap& map) { asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory"); }

// A tile for a product, of rows of `width` bytes. `groups`: bytes from eight rows to the next eight; `slabs`: bytes from one tile
// to its neighbour where an operand is wider than a tile across its rows. Adding descriptor_bytes(n) steps on by n bytes.
DEVICE Descriptor tile_descriptor(const void* at, int slabs, int groups, int width = SLAB_BYTES) {
    Descriptor exchange = width == 128 ? 1 : width == 64 ? 2 : 3;
    return (Descriptor)((shared_address(at) & 0x3ffffu) >> 4) | (Descriptor)(slabs >> 4) << 16 | (Descriptor)(groups >> 4) << 32 | exchange << 62;
}

// d (+)= a b of a warpgroup: a 64 x 16, b 16 x 2 COUNT, d of COUNT sums a thread; b in shared memory, a there too or in registers.
// LEFT, RIGHT: 1 where an operand's rows lie across K rather than along it.
// Warp w of the warpgroup has rows 16 w to 16 w + 15 of a and d; lane l, g = l / 4, t = l % 4, holds in d[4 j ..]
// (g, 8 j + 2 t), (g, 8 j + 2 t + 1), (g + 8, 8 j + 2 t), (g + 8, 8 j + 2 t + 1), and of a what multiply_add says.
// Neither d nor registers of a are to be touched before group_wait.
#define NAMES_32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                            \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_40 NAMES_32 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define NAMES_48 NAMES_40 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define NAMES_64 NAMES_48 ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define NAMES_128 NAMES_64 ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "       \
    "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                               \
    "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "                   \
    "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define SUMS_8(i)                                                                                                    \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define SUMS_32 SUMS_8(0), SUMS_8(8), SUMS_8(16), SUMS_8(24)
#define SUMS_40 SUMS_32, SUMS_8(32)
#define SUMS_48 SUMS_40, SUMS_8(40)
#define SUMS_64 SUMS_48, SUMS_8(48), SUMS_8(56)
#define SUMS_128 SUMS_64, SUMS_8(64), SUMS_8(72), SUMS_8(80), SUMS_8(88), SUMS_8(96), SUMS_8(104), SUMS_8(112), SUMS_8(120)
#define NEW_8(i)                                                                                                     \
    "=f"(d[i]), "=f"(d[i + 1]), "=f"(d[i + 2]), "=f"(d[i + 3]), "=f"(d[i + 4]), "=f"(d[i + 5]), "=f"(d[i + 6]), "=f"(d[i + 7])
#define NEW_32 NEW_8(0), NEW_8(8), NEW_8(16), NEW_8(24)
#define NEW_40 NEW_32, NEW_8(32)
#define NEW_48 NEW_40, NEW_8(40)
#define NEW_64 NEW_48, NEW_8(48), NEW_8(56)
// i0, i1, ...: the numbers of the operands behind the sums.
#define SHARED_PRODUCT(type, columns, count, i0, i1, i2, i3, i4)                                                     \
    template <int LEFT, int RIGHT> DEVICE void group_multiply(float (&d)[count], Descriptor a, Descriptor b, bool adds, type) { \
        asm volatile("{ .reg .pred adds; setp.ne.b32 adds, %" #i2 ", 0;"                                             \
            " wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." #type "." #type " {" NAMES_##count "}, "        \
            "%" #i0 ", %" #i1 ", adds, 1, 1, %" #i3 ", %" #i4 "; }"                                                  \
            : SUMS_##count : "l"(a), "l"(b), "r"((i32)adds), "n"(LEFT), "n"(RIGHT));                                 \
    }
// The first product of a sum says that d is new, or its registers would be taken for used all through a loop around it.
#define FIRST_PRODUCT(type, columns, count, i0, i1, i2, i3)                                                          \
    template <int LEFT, int RIGHT> DEVICE void group_multiply(float (&d)[count], Descriptor a, Descriptor b, type) { \
        asm volatile("{ .reg .pred adds; setp.ne.b32 adds, 0, 0;"                                                    \
            " wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." #type "." #type " {" NAMES_##count "}, "        \
            "%" #i0 ", %" #i1 ", adds, 1, 1, %" #i2 ", %" #i3 "; }"                                                  \
            : NEW_##count : "l"(a), "l"(b), "n"(LEFT), "n"(RIGHT));                                                  \
    }
#define REGISTER_PRODUCT(type, columns, count, i0, i1, i2, i3, i4, i5, i6)                                           \
    template <int RIGHT> DEVICE void group_multiply(float (&d)[count], const u32 (&a)[4], Descriptor b, bool adds, type) { \
        asm volatile("{ .reg .pred adds; setp.ne.b32 adds, %" #i5 ", 0;"                                             \
            " wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." #type "." #type " {" NAMES_##count "}, "        \
            "{%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 ", adds, 1, 1, %" #i6 "; }"                            \
            : SUMS_##count : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((i32)adds), "n"(RIGHT));        \
    }
#define PRODUCTS(type)                                                                                               \
    SHARED_PRODUCT(type, 64, 32, 32, 33, 34, 35, 36)                                                                 \
    SHARED_PRODUCT(type, 80, 40, 40, 41, 42, 43, 44)                                                                 \
    SHARED_PRODUCT(type, 96, 48, 48, 49, 50, 51, 52)                                                                 \
    FIRST_PRODUCT(type, 64, 32, 32, 33, 34, 35)                                                                      \
    FIRST_PRODUCT(type, 80, 40, 40, 41, 42, 43)                                                                      \
    FIRST_PRODUCT(type, 96, 48, 48, 49, 50, 51)                                                                      \
    FIRST_PRODUCT(type, 128, 64, 64, 65, 66, 67)                                                                     \
    SHARED_PRODUCT(type, 128, 64, 64, 65, 66, 67, 68)                                                                \
    SHARED_PRODUCT(type, 256, 128, 128, 129, 130, 131, 132)                                                          \
    REGISTER_PRODUCT(type, 64, 32, 32, 33, 34, 35, 36, 37, 38)                                                       \
    REGISTER_PRODUCT(type, 80, 40, 40, 41, 42, 43, 44, 45, 46)                                                       \
    REGISTER_PRODUCT(type, 96, 48, 48, 49, 50, 51, 52, 53, 54)                                                       \
    REGISTER_PRODUCT(type, 128, 64, 64, 65, 66, 67, 68, 69, 70)
PRODUCTS(bf16)
PRODUCTS(f16)
#undef PRODUCTS
// Before the first product of a group: what registers and shared memory held is theirs from here on.
DEVICE void group_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void group_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// At most N of the groups are still at work.
template <int N> DEVICE void group_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }
// Registers that a product writes or reads: what is computed into them before this word stays before the words behind it, and
// what is computed from them behind it stays behind the words before it. The compiler takes a product's sums for there at once.
template <int N> DEVICE void hold(float (&d)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i]));
}
template <int N> DEVICE void hold(u32 (&a)[N][4]) {
#pragma unroll
    for (int i = 0; i < 4 * N; i++) asm volatile("" : "+r"(a[i / 4][i % 4]));
}
// The words behind this one wait for x, which is at least -1, or NaN. To ptxas a wait for products has nothing to do with other
// registers: it moves it in front of the arithmetic that was to be done meanwhile, and then nothing is done meanwhile. An event for a
// profiler that never comes is one instruction; a trap ends a block of code, and new sums of a product that is at work across it are
// spilled. Of x it must not be evident that it is not negative, as it is of a sum of exponentials, or nothing is left of this.
DEVICE void behind(float x) { asm volatile("{ .reg .pred p; setp.lt.f32 p, %0, 0fBF800000; @p pmevent 0; }" ::"f"(x)); }
// What this thread wrote to shared memory before is seen by products and the copy engine behind the next barrier.
DEVICE void proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
// Arrives at barrier_of(id, threads) and goes on.
DEVICE void barrier_pass(int id, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
// Registers a thread, a multiple of 8: a warpgroup gives some up, or takes what others gave. Said by all of its threads.
template <int N> DEVICE void registers_give() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }
template <int N> DEVICE void registers_take() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }

#endif

DEVICE Descriptor descriptor_bytes(int bytes) { return (Descriptor)(bytes >> 4); }

#ifdef AEGIS_DEBUG
#include "watched.cuh"
#endif
