// depthwise.cu: convolutions of each channel by itself, channels last; and the kernels of central-difference convolutions.
//
//   result[b, i, j, c] = bias[c] + sum over u, v of source[b, at(i, u), at(j, v), c] w[c, u, v]
//   dw[c, u, v]        = sum over b, i, j of dy[b, i, j, c] x[b, at(i, u), at(j, v), c]
// forwards at(i, u) = s i + u - p; for the gradient of the input (i + p - u) / s where s divides it; zeros outside the picture.
// All of it is bound by memory. float32 with any strides; words of 4 channels where channels are dense and aligned, else of 1.
//
// Threads  256 = 32 words of channels x 8 segments of lines; grid x = segments, y = words
// 3x3, s=1 a thread slides along its segment, three columns at a time: 9 words are on their way at once and every word that was
//          loaded serves three columns. Its taps stay in registers.
// Others   tap by tap from the first-level cache
// dw       a thread sums its lines; then the block's 8 threads of a word are added (shared memory), and the block that is done
//          last (a ticket) adds all blocks' sums in their order. 3x3, s=1: all taps at once; others: grid z = the tap.
// Layers   grid z: layers of one shape side by side, each with weights of its own and as many pictures (layers.cuh); for dw, layers x
//          taps. Forwards (3x3, s=1) batch norm with given statistics and ReLU may follow on the way, their factors in shared memory.
// Moments  or mean and variance of each channel are gathered by the way (moments.cuh): a thread's own, value by value, lie in shared
//          memory (Welford 1962: mean += (v - mean) / n, squares += (v - mean before) (v - mean)). 128 registers are too few for both: a
//          kernel of its own, of which one block is resident, with 256 x 9 words on their way.
// Shared   forwards: three numbers a channel of the block's words, for the norm; dw: [taps][8][word x 32] sums of threads
// Barriers forwards: one behind those numbers. dw: two to add up a block's threads, around the ticket as in batch_norm.cu, one to
//          add up the last block's
#include "layers.cuh"
#include "moments.cuh"
#include "rows.cuh"

enum { THREADS = 256, LANES = THREADS / WARP, TOGETHER = 3 /* columns */ };

struct Strided {
    float* data;
    i64 batch, line, pixel, channel;
};

struct Depthwise {
    Strided x;                      // the source
    Strided y;                      // the result; for dw: dy
    const float* weights[LAYERS];
    const float* biases[LAYERS];    // null: none
    float* dweights[LAYERS];
    Channels norms[LAYERS];
    i64 taps[3];                    // strides of weights or dweights: c, u, v
    float* partial;                 // [grid z][blocks][taps of a block][channels]
    u32* tickets;
    BatchMoments moments;           // of y, forward (3x3, s=1)
    i32 batch, height, width;       // of a layer's source
    i32 lines, columns, channels;   // of y
    i32 kh, kw;
    i32 times, sign, shift, flip;   // at(i, u) = (times i + sign u + shift) / over; flip: u counts down in weight (3x3 only)
    i32 segment, segments;          // columns of a segment; segments of a line
    i32 wide, units;                // segments of a layer
    i32 activation;                 // behind a batch norm: NONE or RELU
    float eps;
    Divisor over, per_line, per_picture, kernel_width, kernel; // by segments; lines; kw; kh kw
};

// A segment: picture, line, columns from and up to.
struct Segment { int picture, line, from, to; };
DEVICE Segment segment_of(const Depthwise& a, int layer, int unit) {
    Segment s;
    u32 row = quotient((u32)unit, a.per_line);
    s.picture = (int)quotient(row, a.per_picture);
    s.line = (int)row - s.picture * (int)a.per_picture.by;
    s.picture += layer * a.batch;
    s.from = (unit - (int)row * (int)a.per_line.by) * a.segment;
    s.to = least(a.columns, s.from + a.segment);
    return s;
}

// Some columns of three lines of the source, from one of the window's five on; outside the picture zeros.
template <int FIRST, int COUNT, int N>
DEVICE void load_columns(float (&v)[3][5][N], const Depthwise& a, const float* x, int line, int column) {
    #pragma unroll
    for (int u = 0; u < 3; u++) {
        #pragma unroll
        for (int s = 0; s < COUNT; s++) {
            const int i = line + u, j = column + s;
            if (i >= 0 && i < a.height && j >= 0 && j < a.width) {
                read(v[u][FIRST + s], x + i * a.x.line + j * a.x.pixel);
            } else {
                #pragma unroll
                for (int k = 0; k < N; k++) v[u][FIRST + s][k] = 0.f;
            }
        }
    }
}
template <int N> DEVICE void shift_columns(float (&v)[3][5][N]) {
    #pragma unroll
    for (int u = 0; u < 3; u++) {
        #pragma unroll
        for (int k = 0; k < N; k++) {
            v[u][0][k] = v[u][3][k];
            v[u][1][k] = v[u][4][k];
        }
    }
}
// What follows a sum: batch norm and ReLU, by factors in shared memory.
template <int N> DEVICE void behind(const Depthwise& a, const float* norm, float (&sum)[N]) {
    float mean[N], scale[N], shift[N];
    read(mean, norm);
    read(scale, norm + N * WARP);
    read(shift, norm + 2 * N * WARP);
    #pragma unroll
    for (int k = 0; k < N; k++) {
        sum[k] = fmaf(sum[k] - mean[k], scale[k], shift[k]);
        if (a.activation == RELU) sum[k] = sum[k] <= 0.f ? 0.f : sum[k];
    }
}
// One more value of each channel, the n-th, for a thread's Moments: [pivot, mean, squares][N], `WIDTH` apart.
template <int N> DEVICE void count(float* own, const float (&v)[N], int n) {
    enum { WIDTH = N * WARP };
    float pivot[N], mean[N], squares[N];
    read(mean, own + WIDTH);
    read(squares, own + 2 * WIDTH);
    if (n == 1) {
        for (int k = 0; k < N; k++) pivot[k] = pivot_of(v[k]);
        write(own, pivot);
    } else {
        read(pivot, own);
    }
    const float share = 1.f / (float)n;
    #pragma unroll
    for (int k = 0; k < N; k++) {
        const float apart = v[k] - pivot[k] - mean[k];
        mean[k] = fmaf(apart, share, mean[k]);
        squares[k] = fmaf(apart, v[k] - pivot[k] - mean[k], squares[k]);
    }
    write(own + WIDTH, mean);
    write(own + 2 * WIDTH, squares);
}
// Puts together what the block's threads counted, [LANES][pivot, mean, squares][N * WARP], and then all blocks.
template <int N> DEVICE void over_segments(const Depthwise& a, float* room, u32* last) {
    enum { WIDTH = N * WARP };
    const int layer = (int)again(blockIdx.z), column = (int)threadIdx.x % WIDTH;
    auto before = [&](int unit) { // columns in the segments before it
        unit = least(unit, a.units);
        const int row = (int)quotient((u32)unit, a.per_line);
        return row * a.columns + least(a.columns, (unit - row * (int)a.per_line.by) * a.segment);
    };
    barrier();
    Moment mine = no_rows();
    if ((int)threadIdx.x < WIDTH) {
        #pragma unroll 1
        for (int w = 0; w < LANES; w++) {
            const int unit = (int)blockIdx.x * LANES + w;
            mine = joined(mine, kept(room + 3 * w * WIDTH + column, WIDTH, before(unit + 1) - before(unit)));
        }
    }
    over_tiles<WIDTH, THREADS>(a.moments, layer, (int)blockIdx.y, (int)gridDim.y, a.channels, (int)blockIdx.x, (int)gridDim.x, mine,
                               [&](int p) { return before(p * LANES); }, room, last);
}
// room: [mean, scale, shift][N * WARP], or [LANES][pivot, mean, squares][N * WARP]
template <int N, bool MEASURED> DEVICE void slide(const Depthwise& a, float* room) {
    enum { WIDTH = N * WARP };
    const int c = ((int)blockIdx.y * WARP + lane()) * N, unit = (int)blockIdx.x * LANES + warp(), layer = (int)blockIdx.z;
    const bool normed = !MEASURED && a.norms[layer].gamma;
    if (normed) {
        const int n = (int)blockIdx.y * WIDTH + (int)threadIdx.x;
        if ((int)threadIdx.x < WIDTH && n < a.channels) {
            const Channels& norm = a.norms[layer];
            room[threadIdx.x] = norm.mean[n];
            room[WIDTH + threadIdx.x] = channel_scale(norm, n, a.eps);
            room[2 * WIDTH + threadIdx.x] = norm.beta[n];
        }
        barrier();
    }
    if (c >= a.channels || unit >= a.units) return;
    const Segment s = segment_of(a, layer, unit);
    const float *weight = a.weights[layer], *biases = a.biases[layer];
    float w[3][3][N], bias[N], v[3][5][N];
    #pragma unroll
    for (int k = 0; k < N; k++) {
        bias[k] = biases ? biases[c + k] : 0.f;
        #pragma unroll
        for (int t = 0; t < 9; t++) {
            const int u = a.flip ? 2 - t / 3 : t / 3, q = a.flip ? 2 - t % 3 : t % 3;
            w[t / 3][t % 3][k] = weight[(c + k) * a.taps[0] + u * a.taps[1] + q * a.taps[2]];
        }
    }
    const float* x = a.x.data + s.picture * a.x.batch + c * a.x.channel;
    float* y = a.y.data + s.picture * a.y.batch + s.line * a.y.line + c * a.y.channel;
    const int line = s.line + a.shift;
    load_columns<0, 2>(v, a, x, line, s.from + a.shift);
    for (int j = s.from; j < s.to; j += TOGETHER) {
        load_columns<2, TOGETHER>(v, a, x, line, j + a.shift + 2);
        #pragma unroll
        for (int m = 0; m < TOGETHER; m++) {
            if (j + m < s.to) {
                float sum[N];
                #pragma unroll
                for (int k = 0; k < N; k++) {
                    sum[k] = bias[k];
                    #pragma unroll
                    for (int t = 0; t < 9; t++) sum[k] = fmaf(v[t / 3][m + t % 3][k], w[t / 3][t % 3][k], sum[k]);
                }
                if (normed) behind(a, room + lane() * N, sum);
                if (MEASURED) count(room + (3 * warp() * WARP + lane()) * N, sum, j + m - s.from + 1);
                write(y + (j + m) * a.y.pixel, sum);
            }
        }
        shift_columns(v);
    }
}

KERNEL(THREADS, 2, sliding_3x3, Depthwise) {
    SHARED(float, room, 3 * 4 * WARP);
    if (a.wide) slide<4, false>(a, room);
    else slide<1, false>(a, room);
}

template <int N> DEVICE void slide_and_measure(const Depthwise& a, float* room, u32* last) {
    for (int k = 0; k < 3 * N; k++) room[k * THREADS + threadIdx.x] = 0.f;
    barrier();
    slide<N, true>(a, room);
    over_segments<N>(a, room, last);
}
KERNEL(THREADS, 1, sliding_3x3_moments, Depthwise) {
    SHARED(float, room, LANES * 3 * 4 * WARP);
    SHARED(u32, last, 1);
    if (a.wide) slide_and_measure<4>(a, room, last);
    else slide_and_measure<1>(a, room, last);
}

// The source's line (or column) for a result's line and a tap, -1 outside.
DEVICE int at(const Depthwise& a, int i, int u, int size) {
    int t = a.times * i + a.sign * u + a.shift;
    if (t < 0) return -1;
    int q = (int)quotient((u32)t, a.over);
    return q * (int)a.over.by == t && q < size ? q : -1;
}

template <int N> DEVICE void tap_by_tap(const Depthwise& a) {
    const int c = ((int)blockIdx.y * WARP + lane()) * N, unit = (int)blockIdx.x * LANES + warp();
    if (c >= a.channels || unit >= a.units) return;
    const Segment s = segment_of(a, (int)blockIdx.z, unit);
    const float *weight = a.weights[blockIdx.z], *biases = a.biases[blockIdx.z];
    const float* x = a.x.data + s.picture * a.x.batch + c * a.x.channel;
    float* y = a.y.data + s.picture * a.y.batch + s.line * a.y.line + c * a.y.channel;
    for (int j = s.from; j < s.to; j++) {
        float sum[N], v[N];
        for (int k = 0; k < N; k++) sum[k] = biases ? biases[c + k] : 0.f;
        for (int u = 0; u < a.kh; u++) {
            const int line = at(a, s.line, u, a.height);
            for (int q = 0; line >= 0 && q < a.kw; q++) {
                const int column = at(a, j, q, a.width);
                if (column < 0) continue;
                read(v, x + line * a.x.line + column * a.x.pixel);
                for (int k = 0; k < N; k++) {
                    sum[k] = fmaf(v[k], weight[(c + k) * a.taps[0] + u * a.taps[1] + q * a.taps[2]], sum[k]);
                }
            }
        }
        write(y + j * a.y.pixel, sum);
    }
}

KERNEL(THREADS, 2, direct, Depthwise) {
    if (a.wide) tap_by_tap<4>(a);
    else tap_by_tap<1>(a);
}

// ---- The gradient of the weight

// The sums of all threads to dweight; `first` is the number of sum[0]'s tap. room: [TAPS][LANES][N * WARP]
template <int TAPS, int N>
DEVICE void over_all(const Depthwise& a, int layer, float (&sum)[TAPS][N], int first, float* room, u32* last) {
    enum { WIDTH = N * WARP };
    const int blocks = (int)gridDim.x, slab = (int)blockIdx.y * WIDTH;
    float* partial = a.partial + (i64)blockIdx.z * blocks * TAPS * a.channels;
    #pragma unroll
    for (int t = 0; t < TAPS; t++) write(room + (t * LANES + warp()) * WIDTH + lane() * N, sum[t]);
    barrier();
    for (int n = (int)threadIdx.x; n < TAPS * WIDTH; n += THREADS) {
        const int t = n / WIDTH, c = n % WIDTH;
        float all = 0.f;
        for (int w = 0; w < LANES; w++) all += room[(t * LANES + w) * WIDTH + c];
        if (slab + c < a.channels) partial[((i64)blockIdx.x * TAPS + t) * a.channels + slab + c] = all;
    }
    fence();
    barrier();
    u32* ticket = a.tickets + blockIdx.z * gridDim.y + blockIdx.y;
    if (threadIdx.x == 0) *last = atomic_add(ticket, 1u) == gridDim.x - 1;
    barrier();
    if (!*last) return;
    fence();
    if (threadIdx.x == 0) *ticket = 0u;
    #pragma unroll 3
    for (int t = 0; t < TAPS; t++) {
        float all[N];
        for (int k = 0; k < N; k++) all[k] = 0.f;
        if (slab + lane() * N < a.channels) {
            for (int p = warp(); p < blocks; p += LANES) {
                float v[N];
                read(v, partial + ((i64)p * TAPS + t) * a.channels + slab + lane() * N);
                for (int k = 0; k < N; k++) all[k] += v[k];
            }
        }
        write(room + (t * LANES + warp()) * WIDTH + lane() * N, all);
    }
    barrier();
    for (int n = (int)threadIdx.x; n < TAPS * WIDTH; n += THREADS) {
        const int t = n / WIDTH, c = n % WIDTH;
        float all = 0.f;
        for (int w = 0; w < LANES; w++) all += room[(t * LANES + w) * WIDTH + c];
        const int u = (int)quotient((u32)(first + t), a.kernel_width), q = first + t - u * a.kw;
        if (slab + c < a.channels) a.dweights[layer][(slab + c) * a.taps[0] + u * a.taps[1] + q * a.taps[2]] = all;
    }
}

template <int N> DEVICE void sliding_weight(const Depthwise& a, float* room, u32* last) {
    const int c = ((int)blockIdx.y * WARP + lane()) * N;
    float sum[9][N];
    #pragma unroll
    for (int t = 0; t < 9; t++) {
        for (int k = 0; k < N; k++) sum[t][k] = 0.f;
    }
    if (c < a.channels) {
        for (int unit = (int)blockIdx.x * LANES + warp(); unit < a.units; unit += (int)gridDim.x * LANES) {
            const Segment s = segment_of(a, (int)blockIdx.z, unit);
            const float* x = a.x.data + s.picture * a.x.batch + c * a.x.channel;
            const float* dy = a.y.data + s.picture * a.y.batch + s.line * a.y.line + c * a.y.channel;
            const int line = s.line + a.shift;
            float v[3][5][N];
            load_columns<0, 2>(v, a, x, line, s.from + a.shift);
            for (int j = s.from; j < s.to; j += TOGETHER) {
                float d[TOGETHER][N];
                #pragma unroll
                for (int m = 0; m < TOGETHER; m++) {
                    if (j + m < s.to) {
                        read(d[m], dy + (j + m) * a.y.pixel);
                    } else {
                        for (int k = 0; k < N; k++) d[m][k] = 0.f;
                    }
                }
                load_columns<2, TOGETHER>(v, a, x, line, j + a.shift + 2);
                #pragma unroll
                for (int m = 0; m < TOGETHER; m++) {
                    if (j + m < s.to) {
                        #pragma unroll
                        for (int t = 0; t < 9; t++) {
                            #pragma unroll
                            for (int k = 0; k < N; k++) sum[t][k] = fmaf(d[m][k], v[t / 3][m + t % 3][k], sum[t][k]);
                        }
                    }
                }
                shift_columns(v);
            }
        }
    }
    over_all(a, (int)blockIdx.z, sum, 0, room, last);
}

KERNEL(THREADS, 1, sliding_weight_3x3, Depthwise) {
    SHARED(float, room, 9 * THREADS * 4);
    SHARED(u32, last, 1);
    if (a.wide) sliding_weight<4>(a, room, last);
    else sliding_weight<1>(a, room, last);
}

template <int N> DEVICE void direct_weight_of(const Depthwise& a, float* room, u32* last) {
    const int layer = (int)quotient(blockIdx.z, a.kernel), tap = (int)blockIdx.z - layer * (int)a.kernel.by;
    const int c = ((int)blockIdx.y * WARP + lane()) * N;
    const int u = (int)quotient((u32)tap, a.kernel_width), q = tap - u * a.kw;
    float sum[1][N];
    for (int k = 0; k < N; k++) sum[0][k] = 0.f;
    if (c < a.channels) {
        for (int unit = (int)blockIdx.x * LANES + warp(); unit < a.units; unit += (int)gridDim.x * LANES) {
            const Segment s = segment_of(a, layer, unit);
            const int line = at(a, s.line, u, a.height);
            if (line < 0) continue;
            const float* x = a.x.data + s.picture * a.x.batch + line * a.x.line + c * a.x.channel;
            const float* dy = a.y.data + s.picture * a.y.batch + s.line * a.y.line + c * a.y.channel;
            for (int j = s.from; j < s.to; j++) {
                const int column = at(a, j, q, a.width);
                if (column < 0) continue;
                float v[N], d[N];
                read(v, x + column * a.x.pixel);
                read(d, dy + j * a.y.pixel);
                for (int k = 0; k < N; k++) sum[0][k] = fmaf(d[k], v[k], sum[0][k]);
            }
        }
    }
    over_all(a, layer, sum, tap, room, last);
}

KERNEL(THREADS, 2, direct_weight, Depthwise) {
    SHARED(float, room, THREADS * 4);
    SHARED(u32, last, 1);
    if (a.wide) direct_weight_of<4>(a, room, last);
    else direct_weight_of<1>(a, room, last);
}

// ---- Central differences: of each kernel [kh, kw] the centre loses theta times the sum of all taps; backwards every tap's
// gradient loses theta times the centre's. One thread a kernel.
struct Central {
    const float* from;
    float* to;
    i64 source[4], target[4];       // strides, [O, C, kh, kw]
    Divisor channels;
    i32 kernels, kh, kw;
    float theta;
};
template <bool BACKWARD> DEVICE void central(const Central& a) {
    const i64 n = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.kernels) return;
    const u32 o = quotient((u32)n, a.channels), c = (u32)n - o * a.channels.by;
    const float* from = a.from + o * a.source[0] + c * a.source[1];
    float* to = a.to + o * a.target[0] + c * a.target[1];
    float all = 0.f;
    if (BACKWARD) {
        all = from[a.kh / 2 * a.source[2] + a.kw / 2 * a.source[3]];
    } else {
        for (int u = 0; u < a.kh; u++) {
            for (int v = 0; v < a.kw; v++) all += from[u * a.source[2] + v * a.source[3]];
        }
    }
    for (int u = 0; u < a.kh; u++) {
        for (int v = 0; v < a.kw; v++) {
            const bool loses = BACKWARD || (u == a.kh / 2 && v == a.kw / 2);
            const float w = from[u * a.source[2] + v * a.source[3]];
            to[u * a.target[2] + v * a.target[3]] = loses ? w - a.theta * all : w;
        }
    }
}
KERNEL(THREADS, 2, central_difference, Central) { central<false>(a); }
KERNEL(THREADS, 2, central_difference_backward, Central) { central<true>(a); }
