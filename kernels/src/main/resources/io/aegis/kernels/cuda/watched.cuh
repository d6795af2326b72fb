// watched.cuh: the barriers of hopper.cuh in a debug build (AEGIS_DEBUG; -Daegis.cuda.debug=true), where nobody waits for ever.
//
// A wait that takes longer than the limit writes down who waits, and for what, as the kernel's file says it, in memory of the host,
// which can read it when the context is lost; then the kernel traps. Waits have one limit, so the first that is over is the one
// that began first; others of its block are given a quarter more, to say where they are. Hang.java reads it, DebugBuild.java says when.
//
// Barriers of the hardware cannot be waited for with a limit. Here barrier_of and barrier_pass count warps in shared memory:
// warps come in the same groups as there, and one goes on when its group is whole. barrier() stays the hardware's, and so do
// barriers of files without hopper.cuh: compute-sanitizer's synccheck looks at those.
#pragma once

enum { MOST_WAITS = 2048, NAME_BYTES = 128, PLACE_BYTES = 64 };

struct Wait {
    u32 there;  // 1 when all else is
    u32 block[3];
    u32 thread;
    u32 named;   // 1: barrier_of
    u32 number;  // of a phase its parity, of barrier_of its id
    u32 unused;
    char barrier[NAME_BYTES], place[PLACE_BYTES];
};

struct Waits {
    Wait* at;    // [MOST_WAITS], the host's, zeros
    u32* count;  // of them, the device's: atomics are not for the host's memory
    u64 limit;   // nanoseconds
};

#ifdef AEGIS_EMULATOR
#include "emulator_watched.h"
#else

extern "C" {
__device__ Waits aegis_waits;  // the host fills it in when it has loaded the module
}
DEVICE Waits waits() { return aegis_waits; }

DEVICE u64 nanoseconds() { u64 t; asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t)); return t; }
DEVICE void fence_to_host() { __threadfence_system(); }
// Of the lanes that came here together, one says it for all.
DEVICE bool speaks() { return lane() == lowest_bit(__activemask()); }
// The one who was first ends the kernel, when others had time to say where they are; nobody comes back.
DEVICE void give_up(bool first) {
    u64 start = nanoseconds();
    for (;;) {
        asm volatile("nanosleep.u32 100000;");
        if (first && nanoseconds() - start > waits().limit / 4) asm volatile("trap;");
    }
}

// False when the limit is over and the phase is not.
DEVICE bool bar_wait_within(Bar& b, u32 parity) {
    u64 start = nanoseconds(), limit = waits().limit;
    u32 done;
    do {
        asm volatile("{ .reg .pred done; mbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2; selp.u32 %0, 1, 0, done; }"
            : "=r"(done) : "r"(shared_address(&b)), "r"(parity) : "memory");
    } while (!done && nanoseconds() - start < limit);
    return done;
}

__shared__ u32 warps_met[16];  // how many have come to each barrier of threads, since the block began

DEVICE void meetings_begin() {
    for (int i = 0; i < 16; i++) warps_met[i] = 0;
}
// Which one this warp is of those that have come.
DEVICE u32 meet(int id) {
    warp_barrier();
    __threadfence_block();
    u32 before = 0;
    if (lane() == 0) before = atomicAdd(&warps_met[id], 1u);
    return shuffle(before, 0);
}
DEVICE bool barrier_of_within(int id, int threads) {
    u32 group = (u32)threads / WARP, whole = (meet(id) / group + 1) * group;
    u64 start = nanoseconds(), limit = waits().limit;
    while ((i32)(*(volatile u32*)&warps_met[id] - whole) < 0) {
        if (nanoseconds() - start >= limit) return false;
    }
    __threadfence_block();
    warp_barrier();
    return true;
}
#define bars_made() (meetings_begin(), bars_made())
#define barrier_pass(id, threads) (void)meet(id)

#endif

DEVICE void write_text(char* to, const char* text, int room) {
#pragma unroll 1
    for (int i = 0; i + 1 < room && text[i]; i++) to[i] = text[i];  // zeros were there
}
DEVICE void hang(const char* barrier, const char* place, bool named, u32 number) {
    u32 n = MOST_WAITS;
    if (speaks()) {
        n = atomic_add(waits().count, 1u);
        if (n < MOST_WAITS) {
            Wait& w = waits().at[n];
            w.block[0] = blockIdx.x, w.block[1] = blockIdx.y, w.block[2] = blockIdx.z;
            w.thread = threadIdx.x, w.named = named, w.number = number;
            write_text(w.barrier, barrier, NAME_BYTES);
            write_text(w.place, place, PLACE_BYTES);
            fence_to_host();
            w.there = 1;
            fence_to_host();
        }
    }
    give_up(n == 0);
}

DEVICE void bar_wait_watched(Bar& b, u32 parity, const char* barrier, const char* place) {
    if (!bar_wait_within(b, parity)) hang(barrier, place, false, parity & 1);
}
DEVICE void barrier_of_watched(int id, int threads, const char* barrier, const char* place) {
    if (!barrier_of_within(id, threads)) hang(barrier, place, true, (u32)id);
}

#define WATCHED_TEXT(x) #x
#define WATCHED_LINE(x) WATCHED_TEXT(x)
#define WATCHED_PLACE __FILE__ ":" WATCHED_LINE(__LINE__)
#define bar_wait(b, parity) bar_wait_watched(b, parity, #b, WATCHED_PLACE)
#define barrier_of(id, threads) barrier_of_watched(id, threads, "barrier_of(" #id ", " #threads ")", WATCHED_PLACE)
