// convolution_sm90a.cu: dense convolutions of stride 1 for compute capability 9.0: what convolution.cu's forward and input compute, by
// the copy engine and the products of warpgroups.
//
//   forward   y[m, o]  = sum over tap, c of x[pixel(m) + tap - padding, c] w[o, tap, c], and then what Behind says
//   INPUT     dx[m, c] = sum over tap, o of dy[pixel(m) + padding - tap, o] w[o, tap, c], the gradient of what went in
//
// Shapes   x [B, H, W, C] of T (bf16 or f16) as a map of four dimensions, the contiguous one first; B, H and W of any strides, such as
//          of pictures that lie behind class tokens. w [O, taps, C] of T, a map a layer. y [B, H', W', N] float32, of any strides.
//          Any kernel and padding. What a map does not have is zero: the padding around a picture, channels behind the last.
// Box      of pixels: `wide` of a line by `high` lines of some pictures, up to 128 of them, chosen by PixelBox.java so that few are
//          needed. For a tap and 64 channels the box of x is where the result's box is, moved by the tap: one copy brings it, and
//          what of it lies outside of the picture (coordinates may be negative) comes as zeros. Rows of a tile behind the box are
//          cleared once, as no copy ever reaches them.
// Tile     a box by 128 columns of y, K by 64, one tap after the other: 16 KB of x and 16 KB of w a stage, 3 stages for each of two
//          warpgroups that consume, 192 KB. For 128 x 128 x 64 multiply-adds the tensor cores need 512 clocks at 2048 a clock, and
//          32 KB take as long at the 64 bytes a clock that a multiprocessor can take at most.
// Blocks   one a multiprocessor, in which two tiles are on their way, each by a warpgroup of its own: one stores its tile while the other
//          multiplies. Stream s of the block computes tile blockIdx.x + s gridDim.x, then 2 gridDim.x further, and so on; columns
//          innermost, then boxes, then layers of one shape side by side (layers.cuh).
// Roles    warpgroup 0 produces: one thread of warp s fills the stages of stream s as they become empty. Warpgroups 1 and 2 consume: 128
//          rows by 128 columns, 128 sums a thread. Registers a thread: 40 for the producers, 232 for the consumers.
// Shared   stages (x, w) of stream 0, of stream 1; each operand in rows of 128 bytes: along K, or for INPUT w in rows across K, 64 columns
//          by 64 of K twice. Besides a stream's four numbers a column of what is Behind, 2 KB.
// Barriers of each stream: full[s]: a stage's bytes have come; the producer expects them. empty[s]: each of the four warps that consume
//          has done with it. barrier_of(1 + stream) among those: the numbers are there; all have done with the last tile's.
// Behind   channel by channel bias, batch norm with given statistics and activation, then a factor of another map; straight from
//          registers: neighbours in a row exchange halves, so that each has four columns of one row.
#include "activations.cuh"
#include "hopper.cuh"
#include "layers.cuh"

enum {
    TILE_M = 128,
    TILE_N = 128,
    HALF = 64,  // rows of one product
    DEPTH = SLAB,
    STAGES = 3,
    STREAMS = 2,
    THREADS = (1 + STREAMS) * WARPGROUP,
    STEP = 16,  // of K, in one product
    A_BYTES = TILE_M * SLAB_BYTES,
    B_BYTES = TILE_N * SLAB_BYTES,
    STAGE_BYTES = A_BYTES + B_BYTES,
    EIGHT_ROWS = 8 * SLAB_BYTES,
    SLAB_TILE = DEPTH * SLAB_BYTES,  // of weights that lie across K
    SUMS = 64,                       // of a thread, in one product
    TURN = 4                         // groups of four columns that are stored at once
};

struct Layer {
    const float* bias;  // null: none
    Channels norm;
};
struct Args {
    TensorMap x;
    TensorMap weights[LAYERS];
    Layer layers[LAYERS];
    float* y;
    i64 out[4];                      // strides of y [B, H', W', N]
    const float* times;              // null: none
    i64 times_out[4];                // its strides
    Divisor per_layer, across;       // tiles of a layer; of its columns
    Divisor boxes_wide, boxes_high;  // boxes along a line, and down a picture
    Divisor wide, high;              // pixels along and down a box
    i32 box_pictures, box_bytes;     // bytes of a box of x
    i32 width, height, pictures;     // of y; pictures of a layer
    i32 columns;                     // N
    i32 kernel_height, kernel_width;
    i32 sign, shift;                 // line i of y and tap u meet line i + sign u + shift of x
    i32 slabs;                       // steps of a tap
    i32 tiles;
    i32 y_in_words, times_in_words;  // whether four neighbours are written and read at once
    i32 activation;
    float eps;
};

// A tile: the first pixel of its box, counted in its layer, and its first column.
struct Tile {
    i32 layer, picture, line, place, column;
};
DEVICE Tile locate(const Args& a, int tile) {
    u32 layer = quotient((u32)tile, a.per_layer), t = (u32)tile - layer * a.per_layer.by;
    u32 box = quotient(t, a.across), row = quotient(box, a.boxes_wide), some = quotient(row, a.boxes_high);
    return {(i32)layer, (i32)some * a.box_pictures, (i32)((row - some * a.boxes_high.by) * a.high.by),
            (i32)((box - row * a.boxes_wide.by) * a.wide.by), (i32)(t - box * a.across.by) * TILE_N};
}

// Where in a ring of stages somebody is: the stage, and the parity of its barriers' phase.
struct Ring {
    u32 stage, parity;
    DEVICE void step() {
        if (++stage == STAGES) stage = 0, parity ^= 1;
    }
};

// What a stream has of the block.
struct Stream {
    int first, stride;  // of its tiles
    u8* stages;
    Bar *full, *empty;
};
DEVICE Stream stream_of(int s, u8* shared, Bar* full, Bar* empty) {
    return {(int)blockIdx.x + s * (int)gridDim.x, STREAMS * (int)gridDim.x, shared + s * STAGES * STAGE_BYTES, full + s * STAGES, empty + s * STAGES};
}

// The rows of a stage that no box fills.
DEVICE void clear(const Args& a, u8* shared) {
#pragma unroll 1
    for (int s = 0; s < STREAMS * STAGES; s++) {
        for (int at = a.box_bytes + (int)threadIdx.x * 16; at < A_BYTES; at += THREADS * 16) store16(shared + s * STAGE_BYTES + at, Word4{0, 0, 0, 0});
    }
    proxy_fence();
}

DEVICE void produce(const Args& a, const Stream& own) {
    Ring at = {0, 1};  // the phase before the first counts as over: every stage is empty
#pragma unroll 1
    for (int tile = own.first; tile < a.tiles; tile += own.stride) {
        const Tile t = locate(a, tile);
        const TensorMap& weights = a.weights[t.layer];
        const int picture = t.layer * a.pictures + t.picture;
        int tap = 0;
#pragma unroll 1
        for (int u = 0; u < a.kernel_height; u++) {
#pragma unroll 1
            for (int v = 0; v < a.kernel_width; v++, tap++) {
                const int line = t.line + a.sign * u + a.shift, place = t.place + a.sign * v + a.shift;
#pragma unroll 1
                for (int s = 0; s < a.slabs; s++, at.step()) {
                    u8 *x = own.stages + at.stage * STAGE_BYTES, *w = x + A_BYTES;
                    Bar& full = own.full[at.stage];
                    bar_wait(own.empty[at.stage], at.parity);
                    bar_expect(full, a.box_bytes + B_BYTES);
                    tile_load(x, a.x, full, s * DEPTH, place, line, picture);
                    if (INPUT) {
#pragma unroll
                        for (int n = 0; n < TILE_N; n += SLAB) tile_load(w + n / SLAB * SLAB_TILE, weights, full, t.column + n, tap, s * DEPTH, 0);
                    } else {
                        tile_load(w, weights, full, s * DEPTH, tap, t.column, 0);
                    }
                }
            }
        }
    }
}

// The sums of a tile. `at` goes on behind it.
DEVICE void multiply(const Args& a, const Stream& own, Ring& at, float (&low)[SUMS], float (&high)[SUMS]) {
    const Descriptor left = tile_descriptor(own.stages, 0, EIGHT_ROWS);
    const Descriptor right = tile_descriptor(own.stages + A_BYTES, INPUT ? SLAB_TILE : 0, EIGHT_ROWS);
    const int b_step = INPUT ? STEP * SLAB_BYTES : STEP * 2, steps = a.kernel_height * a.kernel_width * a.slabs;
    u32 before = 0;
#pragma unroll
    for (int i = 0; i < SUMS; i++) low[i] = high[i] = 0.f;
#pragma unroll 1
    for (int k = 0; k < steps; k++, at.step()) {
        bar_wait(own.full[at.stage], at.parity);
        group_begin();
        const Descriptor stage = descriptor_bytes((int)at.stage * STAGE_BYTES);
#pragma unroll
        for (int s = 0; s < DEPTH / STEP; s++) {
            const Descriptor x = left + stage + descriptor_bytes(s * STEP * 2), w = right + stage + descriptor_bytes(s * b_step);
            group_multiply<0, INPUT>(low, x, w, true, T{});
            group_multiply<0, INPUT>(high, x + descriptor_bytes(HALF * SLAB_BYTES), w, true, T{});
        }
        group_commit();
        group_wait<1>();  // the stage before has been read
        if (k > 0 && lane() == 0) bar_arrive(own.empty[before]);
        before = at.stage;
    }
    group_wait<0>();
    hold(low);
    hold(high);
    if (lane() == 0) bar_arrive(own.empty[before]);
}

// What is done to a column's sums: (x + bias - mean) scale + shift. Each of a stream's threads lays out those of one column.
struct Numbers {
    float bias[TILE_N], mean[TILE_N], scale[TILE_N], shift[TILE_N];
};
DEVICE void lay_out(const Args& a, const Tile& t, Numbers& to) {
    const Layer& layer = a.layers[t.layer];
    const int c = (int)threadIdx.x % WARPGROUP, n = t.column + c;
    const bool there = n < a.columns, normed = there && layer.norm.gamma;
    to.bias[c] = there && layer.bias ? layer.bias[n] : 0.f;
    to.mean[c] = normed ? layer.norm.mean[n] : 0.f;
    to.scale[c] = normed ? channel_scale(layer.norm, n, a.eps) : 1.f;
    to.shift[c] = normed ? layer.norm.beta[n] : 0.f;
}

// Elements behind the first of y, and of the other map, where a row of a tile goes; negative: it is no pixel.
struct Row {
    i64 y, times;
};
DEVICE Row row_of(const Args& a, const Tile& t, int row) {
    const u32 line = quotient((u32)row, a.wide), picture = quotient(line, a.high);
    const int b = t.picture + (int)picture, i = t.line + (int)(line - picture * a.high.by), j = t.place + row - (int)(line * a.wide.by);
    if ((int)picture >= a.box_pictures || b >= a.pictures || i >= a.height || j >= a.width) return {-1, -1};
    const i64 all = (i64)t.layer * a.pictures + b;
    return {all * a.out[0] + i * a.out[1] + j * a.out[2], all * a.times_out[0] + i * a.times_out[1] + j * a.times_out[2]};
}

// In each eight columns of either half of the rows a thread has two of one row and two of the row eight further; behind the exchange four
// of one. TURN of them at once, round and round, so that the code of activations is there once.
DEVICE void store(const Args& a, const Tile& t, const Numbers& numbers, const float (&low)[SUMS], const float (&high)[SUMS]) {
    enum { TURNS = TILE_N / 8 / TURN };  // of half the rows
    const bool odd = lane() % 2 == 1;
    const int first = lane() % 4 / 2 * 4, line = warp() % 4 * 16 + lane() / 4 + (odd ? 8 : 0);
    Row row = row_of(a, t, line);
#pragma unroll 1
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        if (turn == TURNS) row = row_of(a, t, HALF + line);
        const int begin = first + turn % TURNS * TURN * 8;
        float v[TURN * 4], factor[TURN * 4];
#pragma unroll
        for (int from = 0; from < 2 * TURNS; from++) {
            if (from != turn) continue;
#pragma unroll
            for (int i = 0; i < TURN * 4; i++) v[i] = from < TURNS ? low[from * TURN * 4 + i] : high[(from - TURNS) * TURN * 4 + i];
        }
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            const int c = begin + 8 * i, n = t.column + c;
#pragma unroll
            for (int k = 0; k < 4; k++) factor[4 * i + k] = 1.f;
            if (a.times && row.times >= 0) {
                const float* from = a.times + row.times + n * a.times_out[3];
                if (a.times_in_words) {
                    const Word4 w = n < a.columns ? load16(from) : Word4{0, 0, 0, 0};
                    factor[4 * i] = as_float(w.x), factor[4 * i + 1] = as_float(w.y), factor[4 * i + 2] = as_float(w.z), factor[4 * i + 3] = as_float(w.w);
                } else {
#pragma unroll
                    for (int k = 0; k < 4; k++) {
                        if (n + k < a.columns) factor[4 * i + k] = from[k * a.times_out[3]];
                    }
                }
            }
            float* x = v + 4 * i;
            const float p = shuffle_xor(odd ? x[0] : x[2], 1), q = shuffle_xor(odd ? x[1] : x[3], 1);
            x[0] = odd ? p : x[0], x[1] = odd ? q : x[1], x[2] = odd ? x[2] : p, x[3] = odd ? x[3] : q;
            float bias[4], mean[4], scale[4], shift[4];
            load4(bias, numbers.bias + c);
            load4(mean, numbers.mean + c);
            load4(scale, numbers.scale + c);
            load4(shift, numbers.shift + c);
#pragma unroll
            for (int k = 0; k < 4; k++) x[k] = fmaf(x[k] + bias[k] - mean[k], scale[k], shift[k]);
        }
        activate_all(a.activation, v);
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            const int n = t.column + begin + 8 * i;
            float* x = v + 4 * i;
#pragma unroll
            for (int k = 0; k < 4; k++) x[k] *= factor[4 * i + k];
            if (row.y < 0 || n >= a.columns) continue;
            float* to = a.y + row.y + n * a.out[3];
            if (a.y_in_words) {
                store16(to, Word4{as_bits(x[0]), as_bits(x[1]), as_bits(x[2]), as_bits(x[3])});
            } else {
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    if (n + k < a.columns) to[k * a.out[3]] = x[k];
                }
            }
        }
    }
}

DEVICE void consume(const Args& a, const Stream& own, int stream, Numbers& numbers) {
    Ring at = {0, 0};
#pragma unroll 1
    for (int tile = own.first; tile < a.tiles; tile += own.stride) {
        const Tile t = locate(a, tile);
        lay_out(a, t, numbers);
        float low[SUMS], high[SUMS];
        multiply(a, own, at, low, high);
        barrier_of(1 + stream, WARPGROUP);
        store(a, t, numbers, low, high);
        barrier_of(1 + stream, WARPGROUP);
    }
}

KERNEL(THREADS, 1, convolution_sm90a, Args) {
    DYNAMIC_SHARED(shared);
    SHARED(Bar, full, STREAMS * STAGES);
    SHARED(Bar, empty, STREAMS * STAGES);
    SHARED(Numbers, numbers, STREAMS);
    if (threadIdx.x == 0) {
        tile_announce(a.x);
        tile_announce(a.weights[0]);
        for (int s = 0; s < STREAMS * STAGES; s++) {
            bar_init(full[s], 1);
            bar_init(empty[s], 4);
        }
        bars_made();
    }
    clear(a, shared);
    barrier();
    if (warp() < 4) {
        registers_give<40>();
        if (warp() < STREAMS && lane() == 0) produce(a, stream_of(warp(), shared, full, empty));
    } else {
        registers_take<232>();
        const int s = warp() / 4 - 1;
        consume(a, stream_of(s, shared, full, empty), s, numbers[s]);
    }
}
