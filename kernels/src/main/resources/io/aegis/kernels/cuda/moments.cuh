// moments.cuh: mean and variance of each channel of a result, gathered by the kernel that makes the result, so that a batch norm behind
// it does not have to read it for them.
//
//   a tile's   p = its first value, m = mean(v - p), s = sum (v - p - m)^2
//   of two     d = (p' - p) + (m' - m), n and n' values:  p, m + d n' / (n + n'), s + s' + d^2 n n' / (n + n')
//                                                         (Chan, Golub and LeVeque 1979)
//   at last    mean = p + m, variance = s / n, biased
// Means are carried, not sums, from one of the values on, and squares about each tile's own mean: nothing cancels when the mean is large.
//
// A kernel's block has a tile of rows of WIDTH channels and leaves (p, m, s) of each channel in scratch; the block of those channels
// that is done last (a ticket) joins all tiles in a fixed order: no launch more, and the same bits each time.
#pragma once
#include "common.cuh"

// Where they go; mean null: nobody wants them.
struct BatchMoments {
    float *mean, *variance;         // [layers][channels]
    float* partial;                 // [layers][tiles][3][channels]
    u32* tickets;                   // one for WIDTH channels of a layer
};

struct Moment {
    float pivot, mean, squares;     // of `rows` values: their mean is pivot + mean; the sum of squares about it
    int rows;
};
DEVICE Moment no_rows() { return Moment{0.f, 0.f, 0.f, 0}; }
DEVICE Moment joined(const Moment& a, const Moment& b) {
    if (a.rows == 0) return b;
    if (b.rows == 0) return a;
    const float apart = b.pivot - a.pivot + (b.mean - a.mean), share = (float)b.rows / (float)(a.rows + b.rows);
    const float squares = a.squares + fmaf(apart * apart, share * (float)a.rows, b.squares);
    return Moment{a.pivot, fmaf(apart, share, a.mean), squares, a.rows + b.rows};
}
// An infinite value would hide itself.
DEVICE float pivot_of(float first) { return fabsf(first) < 1e30f ? first : 0.f; }
// Of `rows` values, `pitch` elements apart, each plus `bias`.
DEVICE Moment moment_of(const float* v, int pitch, int rows, float bias) {
    if (rows <= 0) return no_rows();
    const float pivot = pivot_of(*v + bias);
    float sum = 0.f, squares = 0.f;
    for (int r = 0; r < rows; r++) sum += v[r * pitch] + bias - pivot;
    const float mean = sum / (float)rows;
    for (int r = 0; r < rows; r++) {
        const float d = v[r * pitch] + bias - pivot - mean;
        squares = fmaf(d, d, squares);
    }
    return Moment{pivot, mean, squares, rows};
}
// Three of them, `step` elements apart.
DEVICE void keep(float* to, i64 step, const Moment& m) {
    to[0] = m.pivot;
    to[step] = m.mean;
    to[2 * step] = m.squares;
}
DEVICE Moment kept(const float* from, i64 step, int rows) { return Moment{from[0], from[step], from[2 * step], rows}; }

// Joins what groups of a block's threads have, in their order, for the threads of the first: thread t has column t % WIDTH and is
// of group t / WIDTH, of which rows_of(group) says how many rows it has. room: [3][THREADS], which the caller's last barrier left free.
template <int WIDTH, int THREADS, class RowsOf> DEVICE Moment over_groups(Moment mine, float* room, RowsOf rows_of) {
    keep(room + threadIdx.x, THREADS, mine);
    barrier();
    if ((int)threadIdx.x < WIDTH) {
        for (int g = 1; g < THREADS / WIDTH; g++) mine = joined(mine, kept(room + g * WIDTH + threadIdx.x, THREADS, rows_of(g)));
    }
    return mine;
}

// From all tiles of a layer's `slab`-th WIDTH channels to their mean and variance; `mine` is this block's tile, in its first WIDTH
// threads, and rows_before(p) says how many rows tiles before the p-th have. Every thread of the block is here. room as above, free
// behind a barrier.
template <int WIDTH, int THREADS, class RowsBefore>
DEVICE void over_tiles(const BatchMoments& a, int layer, int slab, int slabs, int channels, int tile, int tiles, const Moment& mine,
                       RowsBefore rows_before, float* room, u32* last) {
    enum { GROUPS = THREADS / WIDTH };
    const int group = (int)threadIdx.x / WIDTH, channel = slab * WIDTH + (int)threadIdx.x % WIDTH;
    const bool inside = channel < channels;
    float* partial = a.partial + 3 * (i64)layer * tiles * channels + channel;
    if (group == 0 && inside) keep(partial + 3 * (i64)tile * channels, channels, mine);
    fence();
    barrier();
    u32* ticket = a.tickets + layer * slabs + slab;
    if (threadIdx.x == 0) *last = atomic_add(ticket, 1u) == (u32)tiles - 1;
    barrier();
    if (!*last) return;
    fence();
    if (threadIdx.x == 0) *ticket = 0u;
    auto rows_of = [&](int p) { return rows_before(p + 1) - rows_before(p); };
    Moment all = no_rows();
    if (inside) {
        #pragma unroll 1
        for (int p = group; p < tiles; p += GROUPS) all = joined(all, kept(partial + 3 * (i64)p * channels, channels, rows_of(p)));
    }
    all = over_groups<WIDTH, THREADS>(all, room, [&](int g) {
        int rows = 0;
        for (int p = g; p < tiles; p += GROUPS) rows += rows_of(p);
        return rows;
    });
    if (group > 0 || !inside) return;
    a.mean[(i64)layer * channels + channel] = all.pivot + all.mean;
    a.variance[(i64)layer * channels + channel] = all.squares / (float)all.rows;
}
