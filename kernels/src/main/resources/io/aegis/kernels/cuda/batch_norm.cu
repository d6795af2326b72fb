// batch_norm.cu: batch norm, channels last, with an activation behind it; its statistics and its gradients.
//
// With h = (x - mean) / sqrt(variance + eps), means and sums taken over all rows of a channel
//   y = act(h gamma + beta)     dgamma = sum dy h     dbeta = sum dy
//   dx = gamma / sqrt(variance + eps) (dy - mean(dy) - h mean(dy h)), or without the means when the statistics are constants
// and dy stands for dy act'(h gamma + beta), computed again from x: neither that nor what act was given is ever stored. Where y is
// multiplied by a factor t, y t is written, dy stands for dy t act'(..), and dt = dy act(..): the product is no pass of its own either way.
//
// Layers   grid z: layers of one shape side by side, each with parameters of its own and as many rows (layers.cuh)
// Shapes   x, y, dy, dx  rows of C floats, anywhere (Rows); all else [C]
// Words    4 channels at a time where rows are dense, aligned and C is a multiple of 4; else single ones
// Threads  256 are 32 words of channels x 8 rows; grid x = slabs of rows, y = slabs of channels
// Sums     over rows are taken 8 rows at a time, then over the block's 8 rows of threads (shared memory), and the slab that is done
//          last (a ticket) adds all slabs' sums, in the order of slabs: one launch, and the same bits each time. Variances are sums
//          of squares about each group's own mean, merged pairwise (Chan, Golub and LeVeque 1979), of values less the channel's
//          first one: nothing cancels when the mean is large.
// Barriers two to add up a block's threads, two around the ticket, one to add up the last block's threads
#include "layers.cuh"
#include "rows.cuh"
#include "slopes.cuh"

enum { THREADS = 256, LANES = THREADS / WARP /* rows of a block at once */, BATCH = 8 /* rows a thread loads at once */ };

// Rows come in slabs, a slab a block, and the block's 8 rows of threads take every 8th row of it.
DEVICE int slab_rows(int rows, int slabs, int slab) {
    int each = (rows + slabs - 1) / slabs, left = rows - slab * each;
    return left < 0 ? 0 : left < each ? left : each;
}
DEVICE int stripe_rows(int slab, int stripe) { return slab <= stripe ? 0 : (slab - stripe + LANES - 1) / LANES; }

// Of some rows of N channels: the sum and the sum of squares about the mean.
template <int N> struct Moments { float first[N], second[N]; int rows; };
// Of some rows of N channels: two sums.
template <int N> struct Pair { float first[N], second[N]; int rows; };

template <class Sums> DEVICE Sums nothing() {
    Sums s;
    for (float& x : s.first) x = 0.f;
    for (float& x : s.second) x = 0.f;
    s.rows = 0;
    return s;
}
template <int N> DEVICE void merge(Moments<N>& to, const Moments<N>& from) {
    if (from.rows == 0) return;
    float own = to.rows == 0 ? 0.f : 1.f / to.rows, other = 1.f / from.rows;
    float weight = (float)to.rows * ((float)from.rows / (float)(to.rows + from.rows));
    for (int k = 0; k < N; k++) {
        float apart = from.first[k] * other - to.first[k] * own;
        to.second[k] += to.rows == 0 ? from.second[k] : fmaf(apart * apart, weight, from.second[k]);
        to.first[k] += from.first[k];
    }
    to.rows += from.rows;
}
template <int N> DEVICE void merge(Pair<N>& to, const Pair<N>& from) {
    for (int k = 0; k < N; k++) {
        to.first[k] += from.first[k];
        to.second[k] += from.second[k];
    }
}

// Adds up what the block's threads have, then what all slabs of a layer have. True for the threads that hold the result: the first
// row of threads of the slab that came last. room: [LANES][2][N * WARP]; partial: [layers][slabs][2][channels]; one ticket a slab
// of channels of a layer.
template <class Sums, int N>
DEVICE bool over_rows(Sums& mine, int rows, int channels, float* partial, u32* ticket, float* room, u32* last) {
    const int column = N * lane(), channel = (int)blockIdx.y * N * WARP + column, slabs = (int)gridDim.x;
    const int layer = (int)again(blockIdx.z); // not before the sums are there
    const bool inside = channel < channels;
    float* spot = room + 2 * warp() * N * WARP + column;
    write(spot, mine.first);
    write(spot + N * WARP, mine.second);
    barrier();
    if (warp() == 0 && inside) {
        const int slab = slab_rows(rows, slabs, (int)blockIdx.x);
        Sums other;
        for (int w = 1; w < LANES; w++) {
            read(other.first, spot + 2 * w * N * WARP);
            read(other.second, spot + (2 * w + 1) * N * WARP);
            other.rows = stripe_rows(slab, w);
            merge(mine, other);
        }
        float* own = partial + 2 * ((i64)layer * slabs + blockIdx.x) * channels + channel;
        write(own, mine.first);
        write(own + channels, mine.second);
        fence();
    }
    barrier();
    if (threadIdx.x == 0) *last = atomic_add(ticket + layer * gridDim.y + blockIdx.y, 1u) == gridDim.x - 1;
    barrier();
    if (!*last) return false;
    fence();
    if (threadIdx.x == 0) ticket[layer * gridDim.y + blockIdx.y] = 0u;
    mine = nothing<Sums>();
    for (int p = warp(); p < slabs; p += LANES) {
        if (inside) {
            Sums other;
            const float* own = partial + 2 * ((i64)layer * slabs + p) * channels + channel;
            read(other.first, own);
            read(other.second, own + channels);
            other.rows = slab_rows(rows, slabs, p);
            merge(mine, other);
        }
    }
    write(spot, mine.first);
    write(spot + N * WARP, mine.second);
    barrier();
    if (warp() > 0 || !inside) return false;
    for (int w = 1; w < LANES; w++) {
        Sums other;
        read(other.first, spot + 2 * w * N * WARP);
        read(other.second, spot + (2 * w + 1) * N * WARP);
        other.rows = 0;
        for (int p = w; p < slabs; p += LANES) other.rows += slab_rows(rows, slabs, p);
        merge(mine, other);
    }
    return true;
}

struct Statistics {
    Rows x;
    float *mean, *variance; // [layers][channels]
    float* partial;
    u32* tickets;
    i32 rows, channels, wide, unused;
};

template <int N> DEVICE void statistics(const Statistics& a, float* room, u32* last) {
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    const i64 at = channel * (N == 4 ? 1 : a.x.step);
    const int first = (int)blockIdx.z * a.rows;
    float pivot[N];
    Moments<N> sums = nothing<Moments<N>>();
    if (channel < a.channels) {
        read(pivot, row_of(a.x, first) + at);
        for (int k = 0; k < N; k++) pivot[k] = fabsf(pivot[k]) < 1e30f ? pivot[k] : 0.f; // an infinite one would hide itself
        const int slabs = (int)gridDim.x, slab = (int)blockIdx.x;
        const int from = first + slab * ((a.rows + slabs - 1) / slabs) + warp();
        const int count = stripe_rows(slab_rows(a.rows, slabs, slab), warp());
        for (int done = 0; done < count; done += BATCH) {
            Moments<N> batch;
            batch.rows = least((int)BATCH, count - done);
            float v[BATCH][N];
            #pragma unroll
            for (int j = 0; j < BATCH; j++) {
                if (j < batch.rows) read(v[j], row_of(a.x, from + (done + j) * LANES) + at);
            }
            const float share = 1.f / batch.rows;
            #pragma unroll
            for (int k = 0; k < N; k++) {
                batch.first[k] = batch.second[k] = 0.f;
                #pragma unroll
                for (int j = 0; j < BATCH; j++) {
                    if (j < batch.rows) {
                        v[j][k] -= pivot[k];
                        batch.first[k] += v[j][k];
                    }
                }
                #pragma unroll
                for (int j = 0; j < BATCH; j++) {
                    if (j < batch.rows) {
                        float d = v[j][k] - batch.first[k] * share;
                        batch.second[k] = fmaf(d, d, batch.second[k]);
                    }
                }
            }
            merge(sums, batch);
        }
    }
    if (over_rows<Moments<N>, N>(sums, a.rows, a.channels, a.partial, a.tickets, room, last)) {
        const float share = 1.f / a.rows;
        const int to = (int)again(blockIdx.z) * a.channels + channel;
        for (int k = 0; k < N; k++) {
            a.mean[to + k] = pivot[k] + sums.first[k] * share;
            a.variance[to + k] = sums.second[k] * share;
        }
    }
}

// For 12.0 three blocks would leave a few registers too little.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 1200
enum { STATISTICS_BLOCKS = 2 };
#else
enum { STATISTICS_BLOCKS = 3 };
#endif
KERNEL(THREADS, STATISTICS_BLOCKS, batch_statistics, Statistics) {
    SHARED(float, room, LANES * 2 * 4 * WARP);
    SHARED(u32, last, 1);
    if (a.wide) statistics<4>(a, room, last);
    else statistics<1>(a, room, last);
}

struct BatchNorm {
    Rows x, y, times; // times.data null: no factor
    Channels layers[LAYERS];
    i32 rows, channels, wide, activation;
    float eps;
};

template <int N> DEVICE void batch_norm_of(const BatchNorm& a) {
    enum { TOGETHER = 2 };
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    if (channel >= a.channels) return;
    const Channels& norm = a.layers[blockIdx.z];
    const int first = (int)blockIdx.z * a.rows;
    float mean[N], scale[N], shift[N];
    for (int k = 0; k < N; k++) {
        mean[k] = norm.mean[channel + k];
        scale[k] = channel_scale(norm, channel + k, a.eps);
        shift[k] = norm.beta[channel + k];
    }
    const i64 from = channel * (N == 4 ? 1 : a.x.step), to = channel * (N == 4 ? 1 : a.y.step);
    const i64 by = channel * (N == 4 ? 1 : a.times.step);
    const int every = (int)gridDim.x * LANES;
    for (i64 row = (int)blockIdx.x * LANES + warp(); row < a.rows; row += TOGETHER * every) {
        float v[TOGETHER][N], t[TOGETHER][N];
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                read(v[j], row_of(a.x, first + (int)row + j * every) + from);
                if (a.times.data) read(t[j], row_of(a.times, first + (int)row + j * every) + by);
            }
        }
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                for (int k = 0; k < N; k++) v[j][k] = activate(a.activation, fmaf(v[j][k] - mean[k], scale[k], shift[k]));
                if (a.times.data) {
                    for (int k = 0; k < N; k++) v[j][k] *= t[j][k];
                }
                write(row_of(a.y, first + (int)row + j * every) + to, v[j]);
            }
        }
    }
}

KERNEL(THREADS, 3, batch_norm, BatchNorm) {
    if (a.wide) batch_norm_of<4>(a);
    else batch_norm_of<1>(a);
}

struct BatchNormSums {
    Rows x, dy, times;
    Channels layers[LAYERS];
    float* sums;                              // [layers][2][channels]: of dy h, of dy
    float *dgammas[LAYERS], *dbetas[LAYERS];  // the same again, each unless null
    float* partial;
    u32* tickets;
    i32 rows, channels, wide;
    float eps;
    i32 activation, unused;
};

// What comes through the activation; v: x less its mean. The code of all activations is there once.
template <int N> DEVICE void through(i32 activation, float (&d)[N], const float (&v)[N], const float (&scale)[N], const float (&shift)[N]) {
    if (activation == NONE) return;
    if (activation == RELU) {
        for (int k = 0; k < N; k++) d[k] = fmaf(v[k], scale[k], shift[k]) <= 0.f ? d[k] * 0.f : d[k];
        return;
    }
    float z[N];
    for (int k = 0; k < N; k++) z[k] = fmaf(v[k], scale[k], shift[k]);
    #pragma unroll 1
    for (int k = 0; k < N; k++) {
        float t = d[0] * slope(activation, z[0]);
        for (int i = 0; i + 1 < N; i++) d[i] = d[i + 1], z[i] = z[i + 1];
        d[N - 1] = t;
    }
}

template <int N> DEVICE void batch_norm_sums_of(const BatchNormSums& a, float* room, u32* last) {
    enum { TOGETHER = BATCH / 2 };
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    Pair<N> sums = nothing<Pair<N>>();
    if (channel < a.channels) {
        const i64 at = channel * (N == 4 ? 1 : a.x.step), beside = channel * (N == 4 ? 1 : a.dy.step);
        const i64 by = channel * (N == 4 ? 1 : a.times.step);
        const Channels& norm = a.layers[blockIdx.z];
        float mean[N], rstd[N], scale[N], shift[N];
        for (int k = 0; k < N; k++) {
            mean[k] = norm.mean[channel + k];
            rstd[k] = 1.f / sqrtf(norm.variance[channel + k] + a.eps);
            scale[k] = channel_scale(norm, channel + k, a.eps);
            shift[k] = norm.beta[channel + k];
        }
        const int slabs = (int)gridDim.x, slab = (int)blockIdx.x;
        const int from = (int)blockIdx.z * a.rows + slab * ((a.rows + slabs - 1) / slabs) + warp();
        const int count = stripe_rows(slab_rows(a.rows, slabs, slab), warp());
        for (int done = 0; done < count; done += TOGETHER) {
            Pair<N> batch;
            float v[TOGETHER][N], d[TOGETHER][N];
            #pragma unroll
            for (int j = 0; j < TOGETHER; j++) {
                if (done + j < count) {
                    read(v[j], row_of(a.x, from + (done + j) * LANES) + at);
                    read(d[j], row_of(a.dy, from + (done + j) * LANES) + beside);
                    if (a.times.data) { // at once: there are no registers for the factors of all
                        float t[N];
                        read(t, row_of(a.times, from + (done + j) * LANES) + by);
                        for (int k = 0; k < N; k++) d[j][k] *= t[k];
                    }
                }
            }
            #pragma unroll
            for (int j = 0; j < TOGETHER; j++) {
                if (done + j < count) {
                    for (int k = 0; k < N; k++) v[j][k] -= mean[k];
                    through(a.activation, d[j], v[j], scale, shift);
                }
            }
            for (int k = 0; k < N; k++) {
                batch.first[k] = batch.second[k] = 0.f;
                #pragma unroll
                for (int j = 0; j < TOGETHER; j++) {
                    if (done + j < count) {
                        batch.first[k] = fmaf(d[j][k], v[j][k] * rstd[k], batch.first[k]);
                        batch.second[k] += d[j][k];
                    }
                }
            }
            merge(sums, batch);
        }
    }
    if (over_rows<Pair<N>, N>(sums, a.rows, a.channels, a.partial, a.tickets, room, last)) {
        float *of_layer = a.sums + 2 * blockIdx.z * a.channels, *dgamma = a.dgammas[blockIdx.z], *dbeta = a.dbetas[blockIdx.z];
        for (int k = 0; k < N; k++) {
            of_layer[channel + k] = sums.first[k];
            of_layer[a.channels + channel + k] = sums.second[k];
            if (dgamma) dgamma[channel + k] = sums.first[k];
            if (dbeta) dbeta[channel + k] = sums.second[k];
        }
    }
}

KERNEL(THREADS, 3, batch_norm_sums, BatchNormSums) {
    SHARED(float, room, LANES * 2 * 4 * WARP);
    SHARED(u32, last, 1);
    if (a.wide) batch_norm_sums_of<4>(a, room, last);
    else batch_norm_sums_of<1>(a, room, last);
}

struct BatchNormBackward {
    Rows x, dy, times, dx, dtimes; // null data: no factor, or not wanted
    Channels layers[LAYERS];
    const float* sums; // as above; null when mean and variance are constants
    i32 rows, channels, wide;
    float eps;
    i32 activation, unused;
};

template <int N> DEVICE void batch_norm_backward_of(const BatchNormBackward& a) {
    enum { TOGETHER = 2 };
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    if (channel >= a.channels) return;
    const Channels& norm = a.layers[blockIdx.z];
    const float* sums = a.sums ? a.sums + 2 * blockIdx.z * a.channels : nullptr;
    const int first = (int)blockIdx.z * a.rows;
    float mean[N], rstd[N], factor[N], scale[N], shift[N], of_dy[N], of_dyh[N];
    for (int k = 0; k < N; k++) {
        mean[k] = norm.mean[channel + k];
        rstd[k] = 1.f / sqrtf(norm.variance[channel + k] + a.eps);
        factor[k] = norm.gamma[channel + k] * rstd[k];
        scale[k] = channel_scale(norm, channel + k, a.eps);
        shift[k] = norm.beta[channel + k];
        of_dyh[k] = sums ? sums[channel + k] / a.rows : 0.f;
        of_dy[k] = sums ? sums[a.channels + channel + k] / a.rows : 0.f;
    }
    const i64 x = channel * (N == 4 ? 1 : a.x.step), dy = channel * (N == 4 ? 1 : a.dy.step), dx = channel * (N == 4 ? 1 : a.dx.step);
    const i64 by = channel * (N == 4 ? 1 : a.times.step), by_to = channel * (N == 4 ? 1 : a.dtimes.step);
    const int every = (int)gridDim.x * LANES;
    const bool needs_x = a.sums || a.activation != NONE || a.dtimes.data;
    for (i64 row = (int)blockIdx.x * LANES + warp(); row < a.rows; row += TOGETHER * every) {
        float v[TOGETHER][N], d[TOGETHER][N], t[TOGETHER][N];
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                if (needs_x) read(v[j], row_of(a.x, first + (int)row + j * every) + x);
                read(d[j], row_of(a.dy, first + (int)row + j * every) + dy);
                if (a.times.data) read(t[j], row_of(a.times, first + (int)row + j * every) + by);
            }
        }
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                if (needs_x) {
                    for (int k = 0; k < N; k++) v[j][k] -= mean[k];
                }
                if (a.dtimes.data) {
                    float y[N];
                    for (int k = 0; k < N; k++) y[k] = d[j][k] * activate(a.activation, fmaf(v[j][k], scale[k], shift[k]));
                    write(row_of(a.dtimes, first + (int)row + j * every) + by_to, y);
                }
                if (a.times.data) {
                    for (int k = 0; k < N; k++) d[j][k] *= t[j][k];
                }
                if (!a.dx.data) continue;
                if (needs_x) through(a.activation, d[j], v[j], scale, shift);
                for (int k = 0; k < N; k++) {
                    float flow = d[j][k];
                    if (a.sums) flow = flow - of_dy[k] - v[j][k] * rstd[k] * of_dyh[k];
                    d[j][k] = factor[k] * flow;
                }
                write(row_of(a.dx, first + (int)row + j * every) + dx, d[j]);
            }
        }
    }
}

KERNEL(THREADS, 3, batch_norm_backward, BatchNormBackward) {
    if (a.wide) batch_norm_backward_of<4>(a);
    else batch_norm_backward_of<1>(a);
}

// running = (1 - momentum) running + momentum batch, the variance unbiased. One thread a channel; grid y: layers.
struct Running {
    const float *mean, *variance;
    float *running_means[LAYERS], *running_variances[LAYERS];
    i64 strides[4];             // from channel to channel; those of running ones are all alike
    i64 of_mean, of_variance;   // from layer to layer
    i32 channels;
    float momentum, unbiased;
};
KERNEL(THREADS, 1, update_running, Running) {
    const i64 c = (i64)blockIdx.x * THREADS + threadIdx.x, layer = blockIdx.y;
    if (c >= a.channels) return;
    float& m = a.running_means[layer][c * a.strides[2]];
    float& v = a.running_variances[layer][c * a.strides[3]];
    m = (1.f - a.momentum) * m + a.momentum * a.mean[layer * a.of_mean + c * a.strides[0]];
    v = (1.f - a.momentum) * v + a.momentum * a.unbiased * a.variance[layer * a.of_variance + c * a.strides[1]];
}
