// One mistake a kernel, made where a.broken is set; without it the kernel is right. For EmulatorChecksTest.
#include "common.cuh"

struct Args { const float* in; float* out; i32 broken; i32 count; };

// Reads what the neighbour of another warp wrote.
KERNEL(64, 1, missing_barrier, Args) {
    SHARED(float, tile, 64);
    tile[threadIdx.x] = a.in[threadIdx.x];
    if (!a.broken) barrier();
    a.out[threadIdx.x] = tile[63 - threadIdx.x];
}

// The same among the lanes of one warp: a shuffle is no barrier for memory.
KERNEL(32, 1, missing_warp_barrier, Args) {
    DYNAMIC_SHARED(memory);
    float* tile = (float*)memory;
    tile[lane()] = a.in[lane()];
    if (a.broken) {
        shuffle(1u, 0);
    } else {
        warp_barrier();
    }
    a.out[lane()] = tile[31 - lane()];
}

// Two buffers in turn; the barrier at the end of a round keeps the next but one from writing what is still read.
KERNEL(64, 1, double_buffer, Args) {
    SHARED(float, tiles, 2 * 64);
    float sum = 0;
    for (int i = 0; i < 5; i++) {
        float* tile = tiles + (a.broken ? 0 : i % 2 * 64);
        tile[threadIdx.x] = a.in[i * 64 + threadIdx.x];
        barrier();
        sum += tile[63 - threadIdx.x];
    }
    a.out[threadIdx.x] = sum;
}

// Halves of the block hand over with a named barrier; broken, each half has its own.
KERNEL(128, 1, named_barrier, Args) {
    SHARED(u16, tile, 128);
    tile[threadIdx.x] = (u16)threadIdx.x;
    if (a.broken) {
        barrier_of(1 + threadIdx.x / 64, 64);
    } else {
        barrier_of(1, 128);
    }
    a.out[threadIdx.x] = tile[127 - threadIdx.x];
}

// Neighbours write the two halves of one word: no race. Broken, two threads write one half.
KERNEL(64, 1, half_words, Args) {
    SHARED(u16, tile, 64);
    tile[a.broken ? threadIdx.x / 2 * 2 : threadIdx.x] = (u16)threadIdx.x;
    barrier();
    a.out[threadIdx.x] = tile[threadIdx.x / 2 * 2];
}

KERNEL(32, 1, nobody_wrote, Args) {
    SHARED(float, tile, 64);
    tile[threadIdx.x] = a.in[threadIdx.x];
    warp_barrier();
    a.out[threadIdx.x] = tile[threadIdx.x + (a.broken ? 1 : 0)];
}

KERNEL(64, 1, read_beyond, Args) {
    int i = blockIdx.x * 64 + threadIdx.x;
    if (i < a.count) a.out[i] = a.in[i + a.broken];
}

KERNEL(64, 1, write_beyond, Args) {
    int i = blockIdx.x * 64 + threadIdx.x;
    if (i < a.count) a.out[i - 2 * a.broken] = a.in[i];
}

KERNEL(32, 1, beyond_array, Args) {
    SHARED(float, first, 32);
    SHARED(float, second, 32);
    first[threadIdx.x + (a.broken ? 1 : 0)] = 1;
    second[threadIdx.x] = 2;
    warp_barrier();
    a.out[threadIdx.x] = first[threadIdx.x] + second[threadIdx.x];
}

KERNEL(32, 1, beyond_dynamic, Args) {
    DYNAMIC_SHARED(memory);
    float* tile = (float*)memory;
    tile[threadIdx.x + a.broken] = a.in[threadIdx.x];
    a.out[threadIdx.x] = tile[threadIdx.x + a.broken];
}

KERNEL(32, 1, misaligned, Args) {
    store16(a.out + 4 * threadIdx.x, load16(a.in + 4 * threadIdx.x + a.broken));
}

KERNEL(32, 1, divergent_shuffle, Args) {
    float x = a.in[threadIdx.x];
    if (!a.broken || lane() < 16) x += shuffle_xor(x, 1);
    a.out[threadIdx.x] = warp_max(x) + (float)votes(lane() < 3);
}

KERNEL(32, 1, two_words, Args) {
    float x = a.in[threadIdx.x];
    if (a.broken && lane() < 16) {
        a.out[threadIdx.x] = (float)votes(x > 0);
    } else {
        a.out[threadIdx.x] = shuffle(x, 0);
    }
}

KERNEL(64, 1, early_return, Args) {
    if (a.broken && threadIdx.x >= 40) return;
    barrier();
    a.out[threadIdx.x] = 1;
}

KERNEL(128, 1, half_of_block, Args) {
    if (!a.broken || threadIdx.x < 64) barrier();
    a.out[threadIdx.x] = 1;
}

KERNEL(128, 1, crossed_barriers, Args) {
    bool first = threadIdx.x < 64 || !a.broken;
    barrier_of(first ? 1 : 2, 128);
    barrier_of(first ? 2 : 1, 128);
    a.out[threadIdx.x] = 1;
}

// Copies in three groups; broken, one more is left open than may be.
KERNEL(32, 1, late_wait, Args) {
    SHARED(float, stages, 3 * 128);
    int l = lane();
    for (int i = 0; i < 3; i++) {
        copy_async16(stages + 128 * i + 4 * l, a.in + 128 * i + 4 * l, 16);
        copies_commit();
    }
    float sum = 0;
    for (int i = 0; i < 3; i++) {
        if (a.broken) {
            copies_wait<3>();
        } else {
            copies_wait<2>();
        }
        copies_commit();
        warp_barrier();
        sum += stages[128 * i + 127 - l];
    }
    a.out[l] = sum;
}

// A copy that its own thread waited for is another thread's only behind a barrier.
KERNEL(32, 1, copy_of_another, Args) {
    SHARED(float, tile, 128);
    copy_async16(tile + 4 * lane(), a.in + 4 * lane(), 16);
    copies_commit();
    copies_wait<0>();
    if (!a.broken) warp_barrier();
    a.out[lane()] = tile[127 - lane()];
}

KERNEL(32, 1, copy_over_readers, Args) {
    SHARED(float, tile, 128);
    for (int i = 0; i < 4; i++) tile[4 * lane() + i] = a.in[lane()];
    warp_barrier();
    float x = tile[127 - lane()];
    if (!a.broken) warp_barrier();
    copy_async16(tile + 4 * lane(), a.in + 4 * lane(), 16);
    copies_commit();
    copies_wait<0>();
    a.out[lane()] = x + tile[4 * lane()];
}

KERNEL(32, 1, rows_in_global, Args) {
    SHARED(u16, tile, 256);
    for (int i = 0; i < 8; i++) tile[8 * lane() + i] = 0;
    warp_barrier();
    u32 r[4];
    load_matrices(r, a.broken ? (const void*)(a.in + 4 * lane()) : tile + 8 * lane());
    a.out[lane()] = (float)r[0];
}

// Broken, all blocks write one place.
KERNEL(32, 1, same_place, Args) {
    a.out[threadIdx.x + (a.broken ? 0 : blockIdx.x * 32)] = (float)blockIdx.x;
}

// The last block adds what the others left, behind a fence and an atomic.
struct Tickets { u32* ticket; float* parts; float* sum; i32 broken; };
KERNEL(32, 1, last_block, Tickets) {
    SHARED(u32, mine, 1);
    a.parts[32 * blockIdx.x + lane()] = 1;
    if (!a.broken) fence();
    barrier();
    if (lane() == 0) mine[0] = atomic_add(a.ticket, 1u);
    barrier();
    if (mine[0] == gridDim.x - 1) {
        float sum = 0;
        for (u32 i = 0; i < gridDim.x; i++) sum += a.parts[32 * i + lane()];
        a.sum[lane()] = sum;
    }
}

// In place, each thread needs its neighbour's old value.
KERNEL(64, 1, in_place, Args) {
    float x = a.out[(threadIdx.x + 1) % 64];
    if (!a.broken) barrier();
    a.out[threadIdx.x] = x;
}

// Waits for what another block would write: blocks run one after another.
KERNEL(32, 1, waits_for_a_flag, Args) {
    volatile float* flag = a.out;
    if (a.broken) {
        while (flag[0] >= 0) {}
    }
    if (threadIdx.x == 0) a.out[1] = 1;
}

// One thread of the block waits for another with no word between: slow, but it ends.
KERNEL(64, 1, spins, Args) {
    u32* flag = (u32*)a.out;
    if (threadIdx.x == 40) atomic_add(flag, 1u);
    if (threadIdx.x == 3) {
        while (atomic_add(flag, 0u) == 0) {}
    }
}

KERNEL(32, 1, loops, Args) {
    u32 x = threadIdx.x;
    for (u32 i = 0; i != 100u + a.broken; i += 2) x = x * 3 + i;
    a.out[threadIdx.x] = (float)x;
}

KERNEL(32, 1, divides, Args) { a.out[threadIdx.x] = (float)(7 / (1 - a.broken)); }

static __attribute__((noinline)) int deep(int n, volatile float* x) {
    volatile float own[100 << 10];
    own[n] = 1;
    return (int)(own[n] + x[0]);
}
KERNEL(32, 1, overflows, Args) {
    if (a.broken) a.out[0] = (float)deep(threadIdx.x, a.out);
}

KERNEL(32, 1, writes_arguments, Args) {
    if (a.broken) ((Args*)&a)->count = 3;
}

// No defects: the first leaves every warp as a reader, which must mean nothing to a smaller launch of the second.
KERNEL(1024, 1, all_read, Args) {
    SHARED(float, tile, 32);
    if (warp() == 0) tile[lane()] = 1;
    barrier();
    float sum = 0;
    for (int i = 0; i < 32; i++) sum += tile[i];
    if (threadIdx.x == 0) a.out[0] = sum;
}

KERNEL(1024, 1, own_only, Args) {
    SHARED(float, tile, 1024);
    tile[threadIdx.x] = 1;
    if (tile[threadIdx.x] != 1) a.out[0] = 1;
}
