// defects_sm90a.cu: a ring of two stages, filled by one thread and multiplied by a warpgroup, with one thing wrong at a time.
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
