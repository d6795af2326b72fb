// defects_sm90a.cu: with one thing wrong at a time, a ring of two stages, filled by one thread and multiplied by a warpgroup; and
// one of tiles of which a warp clears every other row, multiplied by two warpgroups in turns, each with a factor in registers.
#include "hopper.cuh"

enum { RIGHT, NO_WAIT, EARLY_RELEASE, NO_RELEASE_WAIT, TOO_MANY_BYTES, TOO_FEW_BYTES, NOBODY_RELEASES, BESIDE };
enum { A_BYTES = 64 * 128, B_BYTES = 256 * 128, STAGE = A_BYTES + B_BYTES, STAGES = 2, ROUNDS = 5 };

struct Args {
    TensorMap a, b;
    float* out;
    i32 broken;
};

KERNEL(256, 1, ring, Args) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, STAGES);
    SHARED(Bar, empty, STAGES);
    if (threadIdx.x == 0) {
        for (int s = 0; s < STAGES; s++) {
            bar_init(full[s], 1);
            bar_init(empty[s], 4);
        }
        bars_made();
    }
    barrier();
    if (threadIdx.x == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            int s = i % STAGES, expected = STAGE + (a.broken == TOO_MANY_BYTES ? 128 : a.broken == TOO_FEW_BYTES ? -128 : 0);
            if (a.broken != NO_RELEASE_WAIT) bar_wait(empty[s], (i / STAGES & 1) ^ 1);
            bar_expect(full[s], expected);
            u8* to = shared + s * STAGE + (a.broken == BESIDE ? 512 : 0);
            tile_load(to, a.a, full[s], i * 64, 0, 0, 0);
            tile_load(shared + s * STAGE + A_BYTES, a.b, full[s], i * 64, 0, 0, 0);
        }
    }
    if (warp() < 4) return;
    float d[128];
    for (int i = 0; i < 128; i++) d[i] = 0.f;
    for (int i = 0; i < ROUNDS; i++) {
        int s = i % STAGES;
        if (a.broken != NO_WAIT) bar_wait(full[s], i / STAGES & 1);
        group_begin();
        for (int k = 0; k < 4; k++) {
            group_multiply<0, 0>(d, tile_descriptor(shared + s * STAGE, 0, 1024) + descriptor_bytes(32 * k),
                tile_descriptor(shared + s * STAGE + A_BYTES, 0, 1024) + descriptor_bytes(32 * k), true, bf16{});
        }
        group_commit();
        if (a.broken == EARLY_RELEASE && lane() == 0) bar_arrive(empty[s]);
        group_wait<0>();
        if (a.broken != EARLY_RELEASE && a.broken != NOBODY_RELEASES && lane() == 0) bar_arrive(empty[s]);
    }
    a.out[threadIdx.x - 128] = d[0];
}

enum { FACTOR_CHANGED = 1, RELEASED_AT_WORK, WAIT_TOO_WEAK, NO_BEGIN, NO_FENCE, NOT_CLEARED, NO_TURN, TURN_TWICE, TILE_ON_A_WRITE };
enum { TILE = 64 * 128 };

struct Turns {
    TensorMap b;
    float* out;
    i32 broken;
};

KERNEL(384, 1, turns, Turns) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, STAGES);
    SHARED(Bar, clear, STAGES);
    SHARED(Bar, empty, STAGES);
    if (threadIdx.x == 0) {
        for (int s = 0; s < STAGES; s++) {
            bar_init(full[s], 1);
            bar_init(clear[s], 1);
            bar_init(empty[s], 8);
        }
        bars_made();
    }
    barrier();
    if (threadIdx.x == 0) {
        if (a.broken == TILE_ON_A_WRITE) shared[0] = 1;
        for (int i = 0; i < ROUNDS; i++) {
            int s = i % STAGES;
            bar_wait(empty[s], (i / STAGES & 1) ^ 1);
            bar_expect(full[s], TILE);
            tile_load(shared + s * TILE, a.b, full[s], 0, 0, 0, 0);
        }
    }
    if (warp() == 1) {
        for (int i = 0; i < ROUNDS; i++) {
            int s = i % STAGES;
            bar_wait(full[s], i / STAGES & 1);
            for (int k = 0; k < 128; k += 16) store16(shared + s * TILE + 256 * lane() + k, {0, 0, 0, 0});
            if (a.broken != NO_FENCE) proxy_fence();
            warp_barrier();
            if (lane() == 0) bar_arrive(clear[s]);
        }
    }
    if (warp() < 4) return;
    int side = warp() / 4 - 1;
    float d[32];
    u32 ones[4] = {0x3f803f80, 0x3f803f80, 0x3f803f80, 0x3f803f80};
    for (int i = 0; i < 32; i++) d[i] = 0.f;
    if (side == 1) barrier_pass(1, 256);
    for (int i = 0; i < ROUNDS; i++) {
        int s = i % STAGES;
        bar_wait(a.broken == NOT_CLEARED ? full[s] : clear[s], i / STAGES & 1);
        barrier_of(1 + side, 256);
        hold(d);
        if (a.broken != NO_BEGIN) group_begin();
        for (int k = 0; k < 4; k++) {
            group_multiply<1>(d, ones, tile_descriptor(shared + s * TILE, 0, 1024) + descriptor_bytes(16 * 128 * k), true, bf16{});
        }
        group_commit();
        if (a.broken != NO_TURN) barrier_pass(2 - side, 256);
        if (a.broken == TURN_TWICE) barrier_pass(2 - side, 256);
        if (a.broken == FACTOR_CHANGED) ones[1] = 0;
        if (a.broken == RELEASED_AT_WORK && lane() == 0) bar_arrive(empty[s]);
        if (a.broken == WAIT_TOO_WEAK) {
            group_wait<1>();
        } else {
            group_wait<0>();
        }
        hold(d);
        if (a.broken != RELEASED_AT_WORK && lane() == 0) bar_arrive(empty[s]);
    }
    group_wait<0>();
    hold(d);
    a.out[threadIdx.x - 128] = d[0];
}

enum { ADDED_UNFENCED = 1, CHANGED_UNREAD, NEVER_READ, NOT_COMMITTED, NO_BARRIER, ODD_COUNT };

struct Sums {
    const float* from;
    float* to;
    i32 broken;
};

// Twice over, 128 floats are brought, doubled, and added to global memory.
KERNEL(128, 1, additions, Sums) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    float *come = (float*)shared, *sums = come + 128;
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
        bar_expect(full[0], 512);
        floats_load(come, a.from, 128, full[0]);
    }
    barrier();
    bar_wait(full[0], 0);
    for (int i = 0; i < 2; i++) {
        if (threadIdx.x == 0 && a.broken != CHANGED_UNREAD) adds_read();
        barrier();
        sums[threadIdx.x] = (2 + i) * come[threadIdx.x];
        if (a.broken != ADDED_UNFENCED) proxy_fence();
        if (a.broken != NO_BARRIER) barrier();
        if (threadIdx.x == 0) {
            floats_add(a.to, sums, a.broken == ODD_COUNT ? 127 : 128);
            if (a.broken != NOT_COMMITTED) adds_commit();
        }
    }
    if (threadIdx.x == 0 && a.broken != NEVER_READ) adds_read();
}
