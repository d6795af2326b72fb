// hopper.cuh: the words that only compute capability 9.0 has (sm_90a): tiles that a copy engine brings, barriers in shared memory
// that count its bytes, and products of a warpgroup (four warps) straight from shared memory. With common.cuh it alone holds
// inline PTX (PTX ISA, sections on mbarrier, cp.async.bulk.tensor and wgmma).
//
// A tile in shared memory here is of rows of 128 bytes, 64 elements, whose chunks of 16 bytes are exchanged within each eight
// rows: chunk c of row r lies at place c ^ (r % 8). The copy engine writes it so, and a product reads it so. Tiles begin at
// multiples of 1024 bytes.
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
DEVICE void tile_announce(const TensorMap& map) { asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory"); }

// A tile for a product. `groups`: bytes from eight rows to the next eight; `slabs`: bytes from one tile to its neighbour where
// an operand is wider than 64 elements across its rows. Adding descriptor_bytes(n) steps on by n bytes.
DEVICE Descriptor tile_descriptor(const void* at, int slabs, int groups) {
    return (Descriptor)((shared_address(at) & 0x3ffffu) >> 4) | (Descriptor)(slabs >> 4) << 16 | (Descriptor)(groups >> 4) << 32 | 1ull << 62;
}

// d (+)= a b of a warpgroup: a 64 x 16, b 16 x 256, both in shared memory; LEFT, RIGHT: 1 where its rows lie across K rather than along it.
// Warp w of the warpgroup has rows 16 w to 16 w + 15 of d; lane l, g = l / 4, t = l % 4, holds in d[4 j ..]
// (g, 8 j + 2 t), (g, 8 j + 2 t + 1), (g + 8, 8 j + 2 t), (g + 8, 8 j + 2 t + 1). d is not to be touched before group_wait.
#define PRODUCT(type)                                                                                                \
    asm volatile("{ .reg .pred adds; setp.ne.b32 adds, %130, 0;"                                                     \
        " wgmma.mma_async.sync.aligned.m64n256k16.f32." type "." type " "                                            \
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                    \
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                           \
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                           \
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "                           \
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "                           \
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                           \
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "               \
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "          \
        "%128, %129, adds, 1, 1, %131, %132; }"                                                                      \
        :                                                                                                            \
        "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),              \
        "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]),        \
        "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]),      \
        "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]),      \
        "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]),      \
        "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]),      \
        "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),      \
        "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63]),      \
        "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71]),      \
        "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79]),      \
        "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]),      \
        "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]),      \
        "+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]),  \
        "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]), \
        "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]), \
        "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127]) \
        : "l"(a), "l"(b), "r"((i32)adds), "n"(LEFT), "n"(RIGHT))
template <int LEFT, int RIGHT> DEVICE void group_multiply(float (&d)[128], Descriptor a, Descriptor b, bool adds, bf16) { PRODUCT("bf16"); }
template <int LEFT, int RIGHT> DEVICE void group_multiply(float (&d)[128], Descriptor a, Descriptor b, bool adds, f16) { PRODUCT("f16"); }
#undef PRODUCT
// Before the first product of a group: what registers and shared memory held is theirs from here on.
DEVICE void group_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void group_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// At most N of the groups are still at work.
template <int N> DEVICE void group_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }
// Registers a thread, a multiple of 8: a warpgroup gives some up, or takes what others gave. Said by all of its threads.
template <int N> DEVICE void registers_give() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }
template <int N> DEVICE void registers_take() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }

#endif

DEVICE Descriptor descriptor_bytes(int bytes) { return (Descriptor)(bytes >> 4); }
