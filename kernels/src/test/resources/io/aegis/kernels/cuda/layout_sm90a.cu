// layout_sm90a.cu: tiles and products of hopper.cuh alone, for HopperLayoutTest: what lies where in shared memory, and which
// elements a product takes from it, from registers, and gives to each thread.
//
//   WIDTH 128 | 64 | 32   bytes of a row of a tile      SUMS 32 | 40 | 48 | 64   sums a thread, of 2 SUMS columns
#include "hopper.cuh"

enum { COLUMNS = 2 * SUMS, SLAB_COLUMNS = WIDTH / 2, ROWS = 64 };

// Raw bytes of a tile of 64 rows, as a copy leaves them.
struct Tile {
    TensorMap map;
    u16* out;
    i32 x, y;
};
KERNEL(128, 1, tile_bytes, Tile) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
    }
    barrier();
    if (threadIdx.x == 0) {
        bar_expect(full[0], ROWS * WIDTH);
        tile_load(shared, a.map, full[0], a.x, a.y, 0, 0);
    }
    bar_wait(full[0], 0);
    for (int i = threadIdx.x; i < ROWS * SLAB_COLUMNS; i += 128) a.out[i] = ((const u16*)shared)[i];
}

// The same of a box of four dimensions, at any coordinates.
struct Box {
    TensorMap map;
    u16* out;
    i32 x, y, z, w;
    i32 rows, unused;
};
KERNEL(128, 1, box_bytes, Box) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
    }
    barrier();
    if (threadIdx.x == 0) {
        bar_expect(full[0], a.rows * WIDTH);
        tile_load(shared, a.map, full[0], a.x, a.y, a.z, a.w);
    }
    bar_wait(full[0], 0);
    for (int i = threadIdx.x; i < a.rows * SLAB_COLUMNS; i += 128) a.out[i] = ((const u16*)shared)[i];
}

// d = a b for two steps of 16. a: fragments as the test wrote them, 4 registers a step and thread. b: 32 rows of K by COLUMNS where
// ACROSS, which lie across K, in slabs of 64 rows of which the last 32 are used.
struct Product {
    TensorMap b;
    const u32* a;
    float* out;
};
KERNEL(128, 1, from_registers, Product) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
    }
    barrier();
    if (threadIdx.x == 0) {
        bar_expect(full[0], COLUMNS / SLAB_COLUMNS * ROWS * WIDTH);
        for (int s = 0; s < COLUMNS / SLAB_COLUMNS; s++) tile_load(shared + s * ROWS * WIDTH, a.b, full[0], s * SLAB_COLUMNS, 0, 0, 0);
    }
    u32 factor[2][4];
    for (int i = 0; i < 8; i++) factor[i / 4][i % 4] = a.a[i * 128 + threadIdx.x];
    float d[SUMS];
    bar_wait(full[0], 0);
    Descriptor b = tile_descriptor(shared + 32 * WIDTH, ROWS * WIDTH, 8 * WIDTH, WIDTH);
    hold(factor);
    group_begin();
    group_multiply<1>(d, factor[0], b, false, f16{});
    group_multiply<1>(d, factor[1], b + descriptor_bytes(16 * WIDTH), true, f16{});
    group_commit();
    group_wait<0>();
    hold(d);
    for (int i = 0; i < SUMS; i++) a.out[i * 128 + threadIdx.x] = d[i];
}

// d = a b^T, rows of both along K, of K = COLUMNS: a of 64 rows, b of B_ROWS. NEW: the first product says that d is new.
struct Tiles {
    TensorMap a, b;
    float* out;
};
template <int B_ROWS, bool NEW> DEVICE void along(const Tiles& a, u8* shared, Bar& full) {
    enum { SLABS = COLUMNS / SLAB_COLUMNS, B = SLABS * 64 * WIDTH };
    if (threadIdx.x == 0) {
        bar_expect(full, SLABS * (64 + B_ROWS) * WIDTH);
        for (int s = 0; s < SLABS; s++) {
            tile_load(shared + s * 64 * WIDTH, a.a, full, s * SLAB_COLUMNS, 0, 0, 0);
            tile_load(shared + B + s * B_ROWS * WIDTH, a.b, full, s * SLAB_COLUMNS, 0, 0, 0);
        }
    }
    float d[B_ROWS / 2];
    bar_wait(full, 0);
    group_begin();
    for (int i = 0; i < COLUMNS / 16; i++) {
        int slab = 32 * i / WIDTH, within = 32 * i % WIDTH;
        Descriptor x = tile_descriptor(shared + slab * 64 * WIDTH, 0, 8 * WIDTH, WIDTH) + descriptor_bytes(within);
        Descriptor y = tile_descriptor(shared + B + slab * B_ROWS * WIDTH, 0, 8 * WIDTH, WIDTH) + descriptor_bytes(within);
        if (NEW && i == 0) {
            group_multiply<0, 0>(d, x, y, f16{});
        } else {
            group_multiply<0, 0>(d, x, y, i > 0, f16{});
        }
    }
    group_commit();
    group_wait<0>();
    hold(d);
    for (int i = 0; i < B_ROWS / 2; i++) a.out[i * 128 + threadIdx.x] = d[i];
}
KERNEL(128, 1, from_tiles, Tiles) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
    }
    barrier();
    along<128, false>(a, shared, full[0]);
}
KERNEL(128, 1, from_small_tiles, Tiles) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
    }
    barrier();
    along<64, true>(a, shared, full[0]);
}

// d = a^T b for 64 rows, which lie across K: a of 64 columns, b of COLUMNS.
KERNEL(128, 1, from_tiles_across, Tiles) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, 1);
    if (threadIdx.x == 0) {
        bar_init(full[0], 1);
        bars_made();
    }
    barrier();
    enum { SLABS = COLUMNS / SLAB_COLUMNS, B = ROWS * SLAB_BYTES };
    if (threadIdx.x == 0) {
        bar_expect(full[0], B + SLABS * ROWS * WIDTH);
        tile_load(shared, a.a, full[0], 0, 0, 0, 0);
        for (int s = 0; s < SLABS; s++) tile_load(shared + B + s * ROWS * WIDTH, a.b, full[0], s * SLAB_COLUMNS, 0, 0, 0);
    }
    float d[SUMS];
    bar_wait(full[0], 0);
    Descriptor x = tile_descriptor(shared, 0, 8 * SLAB_BYTES), y = tile_descriptor(shared + B, ROWS * WIDTH, 8 * WIDTH, WIDTH);
    group_begin();
    group_multiply<1, 1>(d, x, y, f16{});
    for (int i = 1; i < ROWS / 16; i++) group_multiply<1, 1>(d, x + descriptor_bytes(i * 16 * SLAB_BYTES), y + descriptor_bytes(i * 16 * WIDTH), true, f16{});
    group_commit();
    group_wait<0>();
    hold(d);
    for (int i = 0; i < SUMS; i++) a.out[i * 128 + threadIdx.x] = d[i];
}
