// attention_sm90a.cuh: heads as tiles in shared memory and their products by warpgroups, for the kernels of attention of compute
// capability 9.0. TYPE and DIM are attention.cuh's; a tile's rows lie in slabs, the widest that divide DIM, so that one product goes over
// all columns.
#pragma once
#include "hopper.cuh"
#include "attention.cuh"

enum {
    KEYS = 128,     // of a tile
    CONSUMERS = 2,  // warpgroups
    THREADS = (1 + CONSUMERS) * WARPGROUP,
    GROUP_ROWS = 64,  // of a product
    STEP = 16,        // of the inner dimension, in one product
    WIDTH = DIM % 64 == 0 ? 128 : DIM % 32 == 0 ? 64 : 32,  // bytes of a row of a slab
    SLABS = 2 * DIM / WIDTH,
    WORDS = KEYS / 32
};

// Where in a ring of stages somebody is: the stage, and the parity of its barriers' phase.
template <int STAGES> struct Ring {
    u32 stage, parity;
    DEVICE void step() {
        if (++stage == STAGES) stage = 0, parity ^= 1;
    }
};

DEVICE void leave(Bar& b) {
    if (lane() == 0) bar_arrive(b);
}

// The tile of a round: rounds of the blocks go there and back, so that a block with a long tile has a short one next.
DEVICE int tile_of(int round) {
    return round * (int)gridDim.x + (int)(round & 1 ? gridDim.x - 1 - blockIdx.x : blockIdx.x);
}
// Sections of heads follow each other; in a section it is place by place, of each the tile of every head.
DEVICE void walk(int tile, int tiles, int section, int heads_in_all, int& place, int& head) {
    int before = tile / (section * tiles), from = before * section, heads = least(heads_in_all - from, section);
    tile -= from * tiles;
    head = from + tile % heads;
    place = tile / heads;
}

// Which of a tile's keys anybody sees.
template <class Args> DEVICE void seen_keys(const Args& a, int batch, int tile, u32 (&bits)[WORDS]) {
#pragma unroll
    for (int w = 0; w < WORDS; w++) {
        int at = tile * WORDS + w;
        bits[w] = !a.seen ? lowest(a.m - 32 * at) : at < a.words ? a.seen[batch * a.words + at] : 0;
    }
}
DEVICE bool any(const u32 (&bits)[WORDS]) { return bits[0] | bits[1] | bits[2] | bits[3]; }
DEVICE bool all(const u32 (&bits)[WORDS]) { return (bits[0] & bits[1] & bits[2] & bits[3]) == 0xffffffffu; }
DEVICE bool has(const u32 (&bits)[WORDS], int key) {
    u32 w = key < 64 ? key < 32 ? bits[0] : bits[1] : key < 96 ? bits[2] : bits[3];
    return w >> key % 32 & 1;
}

// ROWS rows of a head, whose bytes somebody has said that `full` expects.
template <int ROWS> DEVICE void fetch(u8* to, const TensorMap& map, Bar& full, int row, int head, int batch, int has) {
#pragma unroll
    for (int s = 0; s < SLABS; s++) tile_load(to + s * ROWS * WIDTH, map, full, s * WIDTH / 2, row, has & 1 ? head : 0, has & 2 ? batch : 0);
}

// A warp sets rows of a tile of keys to zero whose bits are 0. A row of a slab is exchanged within itself, so that it is cleared as it lies.
DEVICE void clear_rows(u8* tile, const u32 (&bits)[WORDS]) {
#pragma unroll
    for (int w = 0; w < WORDS; w++) {
        if (bits[w] >> lane() & 1) continue;
        int row = 32 * w + lane();
#pragma unroll 1
        for (int s = 0; s < SLABS; s++) {
#pragma unroll
            for (int i = 0; i < WIDTH; i += 16) store16(tile + s * KEYS * WIDTH + row * WIDTH + i, {0, 0, 0, 0});
        }
    }
}

// A tile's rows for a product: along DIM columns, or (of a tile of ROWS) across them. Made where they are used: constants but for the
// address, and kept they would be two registers each.
DEVICE Descriptor along(const u8* tile) { return tile_descriptor(tile, 0, 8 * WIDTH, WIDTH); }
template <int ROWS> DEVICE Descriptor across(const u8* tile) { return tile_descriptor(tile, ROWS * WIDTH, 8 * WIDTH, WIDTH); }

// s = x y^T of 64 rows of x and 2 COUNT of y, along DIM columns, in tiles of X_ROWS and Y_ROWS.
template <int X_ROWS, int Y_ROWS, int COUNT> DEVICE void multiply_rows(float (&s)[COUNT], Descriptor x, Descriptor y) {
    group_begin();
    group_multiply<0, 0>(s, x, y, TYPE());
#pragma unroll
    for (int i = 1; i < DIM / STEP; i++) {
        int slab = 2 * STEP * i / WIDTH, within = 2 * STEP * i % WIDTH;
        group_multiply<0, 0>(s, x + descriptor_bytes(slab * X_ROWS * WIDTH + within), y + descriptor_bytes(slab * Y_ROWS * WIDTH + within), true, TYPE());
    }
    group_commit();
}
// r += f y for 16 COUNT columns of f, in registers, and as many rows of y.
template <int COUNT> DEVICE void add_rows(float (&r)[DIM / 2], u32 (&f)[COUNT][4], Descriptor y) {
    hold(r);
    hold(f);
    group_begin();
#pragma unroll
    for (int i = 0; i < COUNT; i++) group_multiply<1>(r, f[i], y + descriptor_bytes(i * STEP * WIDTH), true, TYPE());
    group_commit();
}

// Sums of a product, rounded in pairs: the left factor of the next one as it is wanted.
template <int COUNT> DEVICE void round_to_factors(u32 (&f)[COUNT][4], const float (&s)[8 * COUNT]) {
#pragma unroll
    for (int i = 0; i < 4 * COUNT; i++) f[i / 4][i % 4] = pack(s[2 * i], s[2 * i + 1], TYPE());
}

// Known when all of x are, none of which is negative: what behind() is given. Bits are joined two at a time, which costs half of what a sum
// does, and on a pipe that exponentials leave idle.
template <int COUNT> DEVICE float all_of(const float (&x)[COUNT]) {
    u32 bits = 0;
#pragma unroll
    for (int i = 0; i < COUNT; i++) bits |= as_bits(x[i]);
    return as_float(bits);
}
