// normalization.cu: layer norm and RMS norm along rows, batch norm along columns (channels last); forward and backward.
//
// With h = (x - mean) rstd and g = dy gamma
//   y = h gamma + beta     dx = rstd (g - mean(g) - h mean(g h))     dgamma = sum dy h     dbeta = sum dy
// where a mean is taken over a row (layer norm) or over a channel's rows (batch norm). RMS norm has mean 0, beta 0 and no
// mean(g); batch norm with constant statistics leaves dx = rstd g.
//
// Shapes   x, y, dy, dx  rows of `width` floats, anywhere (Rows); gamma, beta, dgamma, dbeta [width]; row norms: mean, rstd [rows]
// Words    4 floats at a time where rows are dense, aligned and a multiple of 4 wide; else single floats
//
// Row norms: 256 threads are teams of 1, 2, 4 or 8 warps, a row a team. A team takes every (blocks x teams)-th row; the next
// row's copy to shared memory is under way while the present one is worked on. A thread reads back only what it copied
// itself, so rows need no barrier.
//   shared  forward   stages x teams x width            backward  stages x teams x (x, dy) x width, then teams x (dgamma, dbeta) x width
//   barrier 1 + team  the team's warps, once a sum over the row (two rooms in turn, so that none is overwritten while read)
//           0         backward, all: every team's dgamma and dbeta are complete
// The blocks' sums of dgamma and dbeta go to scratch, and sum_partials adds them in the order of blocks: the same bits each time.
//
// Batch norm: 256 threads are 32 columns (of 4 or 1 channels) x 8 rows; grid x = slabs of rows, y = slabs of channels. Sums over
// rows are taken 8 rows at a time, then over the block's 8 rows (shared memory), and the slab that is done last (a ticket) adds
// all slabs' sums, in the order of slabs. Variances are sums of squares about each group's own mean, merged pairwise (Chan,
// Golub and LeVeque 1979), of values less the channel's first one: nothing cancels when the mean is large.
#include "common.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP, LANES = 8 /* rows of a block at once, for columns */, BATCH = 8 /* rows a thread loads at once */ };

// Row r begins at data + (r / within) outer + (r % within) inner; its elements lie `step` apart.
struct Rows {
    float* data;
    i64 outer, inner, step;
    Divisor within;
};
DEVICE float* row_of(const Rows& m, int r) {
    u32 o = quotient((u32)r, m.within);
    return m.data + o * m.outer + ((u32)r - o * m.within.by) * m.inner;
}

template <int N> DEVICE void read(float (&v)[N], const float* p) {
    if constexpr (N == 4) {
        Word4 w = load16(p);
        v[0] = as_float(w.x), v[1] = as_float(w.y), v[2] = as_float(w.z), v[3] = as_float(w.w);
    } else {
        v[0] = *p;
    }
}
template <int N> DEVICE void write(float* p, const float (&v)[N]) {
    if constexpr (N == 4) {
        store16(p, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
    } else {
        *p = v[0];
    }
}

// ---- Row norms

// Where a thread stands in its team.
struct Team {
    int warps;   // of a team
    int count;   // teams of a block
    int index;   // which team
    int threads; // of a team
    int thread;  // which of them
    float* room; // [2][2][WARPS], the half that is in turn
    int turn;
};
DEVICE Team team_of(int warps, float* room) {
    Team t;
    t.warps = warps;
    t.count = WARPS / warps;
    t.index = warp() / warps;
    t.threads = warps * WARP;
    t.thread = (int)threadIdx.x % t.threads;
    t.room = room;
    t.turn = 0;
    return t;
}
// Both sums over the team's threads, in a fixed order.
DEVICE void team_sum(Team& t, float& x, float& y) {
    x = warp_sum(x);
    y = warp_sum(y);
    if (t.warps == 1) return;
    float* room = t.room + t.turn * 2 * WARPS;
    t.turn ^= 1;
    if (lane() == 0) {
        room[warp()] = x;
        room[WARPS + warp()] = y;
    }
    barrier_of(1 + t.index, t.threads);
    x = y = 0.f;
    for (int w = t.index * t.warps; w < (t.index + 1) * t.warps; w++) {
        x += room[w];
        y += room[WARPS + w];
    }
}

// Begins to copy this thread's share of a row to shared memory.
template <int N> DEVICE void fetch(float* to, const float* row, i64 step, int width, const Team& team) {
    for (int i = N * team.thread; i < width; i += N * team.threads) {
        if constexpr (N == 4) {
            copy_async16(to + i, row + i, 16);
        } else {
            to[i] = row[i * step];
        }
    }
}

struct RowNorm {
    Rows x, y;
    const float *gamma, *beta;
    float *mean, *rstd; // null: not wanted
    i32 rows, width, warps, stages, wide;
    float eps;
};

template <bool CENTRED, int N> DEVICE void row_norm(const RowNorm& a, float* shared, float* room) {
    Team team = team_of(a.warps, room);
    const int width = a.width, pitch = (width + 3) / 4 * 4, every = (int)gridDim.x * team.count;
    const float share = 1.f / width;
    int row = (int)blockIdx.x * team.count + team.index, stage = 0;
    float *first = shared + team.index * pitch, *second = first + team.count * pitch;
    if (row < a.rows) fetch<N>(first, row_of(a.x, row), a.x.step, width, team);
    copies_commit();
    for (; row < a.rows; row += every) {
        const float* x = stage ? second : first;
        if (a.stages == 2) {
            stage ^= 1;
            if (row + every < a.rows) fetch<N>(stage ? second : first, row_of(a.x, row + every), a.x.step, width, team);
            copies_commit();
            copies_wait<1>();
        } else {
            copies_wait<0>();
        }
        float mean = 0.f, rest = 0.f, squares = 0.f, v[N];
        if (CENTRED) {
            for (int i = N * team.thread; i < width; i += N * team.threads) {
                read(v, x + i);
                for (int k = 0; k < N; k++) mean += v[k];
            }
            team_sum(team, mean, rest);
            mean *= share;
        }
        // What rounding left in the mean is found again as the mean of the differences.
        for (int i = N * team.thread; i < width; i += N * team.threads) {
            read(v, x + i);
            for (int k = 0; k < N; k++) {
                float d = v[k] - mean;
                rest += d;
                squares = fmaf(d, d, squares);
            }
        }
        team_sum(team, rest, squares);
        rest = CENTRED ? rest * share : 0.f;
        float variance = squares * share - rest * rest;
        float rstd = 1.f / sqrtf((variance < 0.f ? 0.f : variance) + a.eps);
        float* y = row_of(a.y, row);
        for (int i = N * team.thread; i < width; i += N * team.threads) {
            float g[N], b[N];
            read(v, x + i);
            read(g, a.gamma + i);
            if (CENTRED) read(b, a.beta + i);
            for (int k = 0; k < N; k++) v[k] = CENTRED ? fmaf((v[k] - mean - rest) * rstd, g[k], b[k]) : v[k] * rstd * g[k];
            write(y + i * (N == 4 ? 1 : a.y.step), v);
        }
        if (team.thread == 0) {
            if (CENTRED && a.mean) a.mean[row] = mean + rest;
            if (a.rstd) a.rstd[row] = rstd;
        }
        if (a.stages == 1) {
            if (row + every < a.rows) fetch<N>(first, row_of(a.x, row + every), a.x.step, width, team);
            copies_commit();
        }
    }
}

KERNEL(THREADS, 3, layer_norm, RowNorm) {
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm<true, 4>(a, (float*)shared, room);
    else row_norm<true, 1>(a, (float*)shared, room);
}
KERNEL(THREADS, 3, rms_norm, RowNorm) {
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm<false, 4>(a, (float*)shared, room);
    else row_norm<false, 1>(a, (float*)shared, room);
}

struct RowNormBackward {
    Rows x, dy, dx;                 // dx.data null: not wanted
    const float *gamma, *mean, *rstd;
    float* partial;                 // [blocks][2][width]: sums of dy h and of dy; null: not wanted
    i32 rows, width, warps, stages, wide, unused;
};

template <bool CENTRED, int N> DEVICE void row_norm_backward(const RowNormBackward& a, float* shared, float* room) {
    Team team = team_of(a.warps, room);
    const int width = a.width, pitch = (width + 3) / 4 * 4, every = (int)gridDim.x * team.count;
    const float share = 1.f / width;
    int row = (int)blockIdx.x * team.count + team.index, stage = 0;
    float *first = shared + 2 * team.index * pitch, *second = first + 2 * team.count * pitch;
    float* sums = shared + 2 * (a.stages * team.count + team.index) * pitch;
    if (a.partial) {
        for (int i = N * team.thread; i < width; i += N * team.threads) {
            for (int k = 0; k < N; k++) sums[i + k] = sums[pitch + i + k] = 0.f;
        }
    }
    if (row < a.rows) {
        fetch<N>(first, row_of(a.x, row), a.x.step, width, team);
        fetch<N>(first + pitch, row_of(a.dy, row), a.dy.step, width, team);
    }
    copies_commit();
    for (; row < a.rows; row += every) {
        const float *x = stage ? second : first, *dy = x + pitch;
        if (a.stages == 2) {
            stage ^= 1;
            if (row + every < a.rows) {
                float* next = stage ? second : first;
                fetch<N>(next, row_of(a.x, row + every), a.x.step, width, team);
                fetch<N>(next + pitch, row_of(a.dy, row + every), a.dy.step, width, team);
            }
            copies_commit();
            copies_wait<1>();
        } else {
            copies_wait<0>();
        }
        const float mean = CENTRED ? a.mean[row] : 0.f, rstd = a.rstd[row];
        float of_g = 0.f, of_gh = 0.f, v[N], d[N], g[N];
        for (int i = N * team.thread; i < width; i += N * team.threads) {
            read(v, x + i);
            read(d, dy + i);
            read(g, a.gamma + i);
            for (int k = 0; k < N; k++) {
                v[k] = (v[k] - mean) * rstd;
                of_g = fmaf(d[k], g[k], of_g);
                of_gh = fmaf(d[k] * g[k], v[k], of_gh);
            }
            if (a.partial) {
                float s[N], t[N];
                read(s, sums + i);
                read(t, sums + pitch + i);
                for (int k = 0; k < N; k++) {
                    s[k] = fmaf(d[k], v[k], s[k]);
                    t[k] += d[k];
                }
                write(sums + i, s);
                write(sums + pitch + i, t);
            }
        }
        if (a.dx.data) {
            team_sum(team, of_g, of_gh);
            of_g = CENTRED ? of_g * share : 0.f;
            of_gh *= share;
            float* dx = row_of(a.dx, row);
            for (int i = N * team.thread; i < width; i += N * team.threads) {
                read(v, x + i);
                read(d, dy + i);
                read(g, a.gamma + i);
                for (int k = 0; k < N; k++) v[k] = rstd * (d[k] * g[k] - of_g - (v[k] - mean) * rstd * of_gh);
                write(dx + i * (N == 4 ? 1 : a.dx.step), v);
            }
        }
        if (a.stages == 1) {
            if (row + every < a.rows) {
                fetch<N>(first, row_of(a.x, row + every), a.x.step, width, team);
                fetch<N>(first + pitch, row_of(a.dy, row + every), a.dy.step, width, team);
            }
            copies_commit();
        }
    }
    if (a.partial) {
        barrier();
        const float* teams = shared + 2 * a.stages * team.count * pitch;
        float* out = a.partial + 2 * (i64)blockIdx.x * width;
        for (int i = threadIdx.x; i < 2 * width; i += THREADS) {
            int at = i < width ? i : pitch + i - width;
            float sum = 0.f;
            for (int t = 0; t < team.count; t++) sum += teams[2 * t * pitch + at];
            out[i] = sum;
        }
    }
}

KERNEL(THREADS, 3, layer_norm_backward, RowNormBackward) {
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm_backward<true, 4>(a, (float*)shared, room);
    else row_norm_backward<true, 1>(a, (float*)shared, room);
}
KERNEL(THREADS, 3, rms_norm_backward, RowNormBackward) {
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm_backward<false, 4>(a, (float*)shared, room);
    else row_norm_backward<false, 1>(a, (float*)shared, room);
}

// dgamma and dbeta, each unless null: partial [count][2][width] added up, 32 of the 2 width columns a block.
struct Partials {
    const float* partial;
    float *dgamma, *dbeta;
    i32 count, width;
};
KERNEL(THREADS, 4, sum_partials, Partials) {
    SHARED(float, room, THREADS);
    const int column = (int)blockIdx.x * WARP + lane();
    float sum = 0.f;
    if (column < 2 * a.width) {
        for (int p = warp(); p < a.count; p += WARPS) sum += a.partial[2 * (i64)p * a.width + column];
    }
    room[threadIdx.x] = sum;
    barrier();
    if (warp() == 0 && column < 2 * a.width) {
        for (int w = 1; w < WARPS; w++) sum += room[w * WARP + lane()];
        float* to = column < a.width ? a.dgamma : a.dbeta;
        if (to) to[column < a.width ? column : column - a.width] = sum;
    }
}

// ---- Batch norm

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

// Adds up what the block's threads have, then what all slabs have. True for the threads that hold the result: the first row of
// threads of the slab that came last. room: [LANES][2][N * WARP]; partial: [slabs][2][channels]; one ticket a slab of channels.
template <class Sums, int N>
DEVICE bool over_rows(Sums& mine, int rows, int channels, float* partial, u32* ticket, float* room, u32* last) {
    const int column = N * lane(), channel = (int)blockIdx.y * N * WARP + column, slabs = (int)gridDim.x;
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
        write(partial + (2 * (i64)blockIdx.x) * channels + channel, mine.first);
        write(partial + (2 * (i64)blockIdx.x + 1) * channels + channel, mine.second);
        fence();
    }
    barrier();
    if (threadIdx.x == 0) *last = atomic_add(ticket + blockIdx.y, 1u) == gridDim.x - 1;
    barrier();
    if (!*last) return false;
    fence();
    if (threadIdx.x == 0) ticket[blockIdx.y] = 0u;
    mine = nothing<Sums>();
    for (int p = warp(); p < slabs; p += LANES) {
        if (inside) {
            Sums other;
            read(other.first, partial + (2 * (i64)p) * channels + channel);
            read(other.second, partial + (2 * (i64)p + 1) * channels + channel);
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
    float *mean, *variance; // [channels]
    float* partial;
    u32* tickets;
    i32 rows, channels, wide, unused;
};

template <int N> DEVICE void statistics(const Statistics& a, float* room, u32* last) {
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    const i64 at = channel * (N == 4 ? 1 : a.x.step);
    float pivot[N];
    Moments<N> sums = nothing<Moments<N>>();
    if (channel < a.channels) {
        read(pivot, row_of(a.x, 0) + at);
        for (int k = 0; k < N; k++) pivot[k] = fabsf(pivot[k]) < 1e30f ? pivot[k] : 0.f; // an infinite one would hide itself
        const int slabs = (int)gridDim.x, slab = (int)blockIdx.x;
        const int from = slab * ((a.rows + slabs - 1) / slabs) + warp();
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
        for (int k = 0; k < N; k++) {
            a.mean[channel + k] = pivot[k] + sums.first[k] * share;
            a.variance[channel + k] = sums.second[k] * share;
        }
    }
}

KERNEL(THREADS, 3, batch_statistics, Statistics) {
    SHARED(float, room, LANES * 2 * 4 * WARP);
    SHARED(u32, last, 1);
    if (a.wide) statistics<4>(a, room, last);
    else statistics<1>(a, room, last);
}

struct BatchNorm {
    Rows x, y;
    const float *gamma, *beta, *mean, *variance;
    i32 rows, channels, wide, activation;
    float eps;
};

template <int N> DEVICE void batch_norm_of(const BatchNorm& a) {
    enum { TOGETHER = 4 };
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    if (channel >= a.channels) return;
    float mean[N], scale[N], shift[N];
    for (int k = 0; k < N; k++) {
        mean[k] = a.mean[channel + k];
        scale[k] = a.gamma[channel + k] / sqrtf(a.variance[channel + k] + a.eps);
        shift[k] = a.beta[channel + k];
    }
    const i64 from = channel * (N == 4 ? 1 : a.x.step), to = channel * (N == 4 ? 1 : a.y.step);
    const int every = (int)gridDim.x * LANES;
    for (i64 row = (int)blockIdx.x * LANES + warp(); row < a.rows; row += TOGETHER * every) {
        float v[TOGETHER][N];
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) read(v[j], row_of(a.x, (int)row + j * every) + from);
        }
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                for (int k = 0; k < N; k++) v[j][k] = activate(a.activation, fmaf(v[j][k] - mean[k], scale[k], shift[k]));
                write(row_of(a.y, (int)row + j * every) + to, v[j]);
            }
        }
    }
}

KERNEL(THREADS, 3, batch_norm, BatchNorm) {
    if (a.wide) batch_norm_of<4>(a);
    else batch_norm_of<1>(a);
}

struct BatchNormSums {
    Rows x, dy;
    const float *mean, *variance;
    float* sums;            // [2][channels]: of dy h, of dy
    float *dgamma, *dbeta;  // the same again, each unless null
    float* partial;
    u32* tickets;
    i32 rows, channels, wide;
    float eps;
};

template <int N> DEVICE void batch_norm_sums_of(const BatchNormSums& a, float* room, u32* last) {
    enum { TOGETHER = BATCH / 2 };
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    Pair<N> sums = nothing<Pair<N>>();
    if (channel < a.channels) {
        const i64 at = channel * (N == 4 ? 1 : a.x.step), beside = channel * (N == 4 ? 1 : a.dy.step);
        float mean[N], rstd[N];
        for (int k = 0; k < N; k++) {
            mean[k] = a.mean[channel + k];
            rstd[k] = 1.f / sqrtf(a.variance[channel + k] + a.eps);
        }
        const int slabs = (int)gridDim.x, slab = (int)blockIdx.x;
        const int from = slab * ((a.rows + slabs - 1) / slabs) + warp();
        const int count = stripe_rows(slab_rows(a.rows, slabs, slab), warp());
        for (int done = 0; done < count; done += TOGETHER) {
            Pair<N> batch;
            float v[TOGETHER][N], d[TOGETHER][N];
            #pragma unroll
            for (int j = 0; j < TOGETHER; j++) {
                if (done + j < count) {
                    read(v[j], row_of(a.x, from + (done + j) * LANES) + at);
                    read(d[j], row_of(a.dy, from + (done + j) * LANES) + beside);
                }
            }
            for (int k = 0; k < N; k++) {
                batch.first[k] = batch.second[k] = 0.f;
                #pragma unroll
                for (int j = 0; j < TOGETHER; j++) {
                    if (done + j < count) {
                        batch.first[k] = fmaf(d[j][k], (v[j][k] - mean[k]) * rstd[k], batch.first[k]);
                        batch.second[k] += d[j][k];
                    }
                }
            }
            merge(sums, batch);
        }
    }
    if (over_rows<Pair<N>, N>(sums, a.rows, a.channels, a.partial, a.tickets, room, last)) {
        write(a.sums + channel, sums.first);
        write(a.sums + a.channels + channel, sums.second);
        for (int k = 0; k < N; k++) {
            if (a.dgamma) a.dgamma[channel + k] = sums.first[k];
            if (a.dbeta) a.dbeta[channel + k] = sums.second[k];
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
    Rows x, dy, dx;
    const float *gamma, *mean, *variance;
    const float* sums; // as above; null when mean and variance are constants
    i32 rows, channels, wide;
    float eps;
};

template <int N> DEVICE void batch_norm_backward_of(const BatchNormBackward& a) {
    enum { TOGETHER = 4 };
    const int channel = ((int)blockIdx.y * WARP + lane()) * N;
    if (channel >= a.channels) return;
    float mean[N], rstd[N], scale[N], of_dy[N], of_dyh[N];
    for (int k = 0; k < N; k++) {
        mean[k] = a.mean[channel + k];
        rstd[k] = 1.f / sqrtf(a.variance[channel + k] + a.eps);
        scale[k] = a.gamma[channel + k] * rstd[k];
        of_dyh[k] = a.sums ? a.sums[channel + k] / a.rows : 0.f;
        of_dy[k] = a.sums ? a.sums[a.channels + channel + k] / a.rows : 0.f;
    }
    const i64 x = channel * (N == 4 ? 1 : a.x.step), dy = channel * (N == 4 ? 1 : a.dy.step), dx = channel * (N == 4 ? 1 : a.dx.step);
    const int every = (int)gridDim.x * LANES;
    for (i64 row = (int)blockIdx.x * LANES + warp(); row < a.rows; row += TOGETHER * every) {
        float v[TOGETHER][N], d[TOGETHER][N];
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                if (a.sums) read(v[j], row_of(a.x, (int)row + j * every) + x);
                read(d[j], row_of(a.dy, (int)row + j * every) + dy);
            }
        }
        #pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            if (row + j * every < a.rows) {
                for (int k = 0; k < N; k++) {
                    float flow = d[j][k];
                    if (a.sums) flow = flow - of_dy[k] - (v[j][k] - mean[k]) * rstd[k] * of_dyh[k];
                    d[j][k] = scale[k] * flow;
                }
                write(row_of(a.dx, (int)row + j * every) + dx, d[j]);
            }
        }
    }
}

KERNEL(THREADS, 3, batch_norm_backward, BatchNormBackward) {
    if (a.wide) batch_norm_backward_of<4>(a);
    else batch_norm_backward_of<1>(a);
}

// running = (1 - momentum) running + momentum batch, the variance unbiased. One thread a channel.
struct Running {
    const float *mean, *variance;
    float *running_mean, *running_variance;
    i64 strides[4];
    i32 channels;
    float momentum, unbiased;
};
KERNEL(THREADS, 1, update_running, Running) {
    const i64 c = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (c >= a.channels) return;
    float& m = a.running_mean[c * a.strides[2]];
    float& v = a.running_variance[c * a.strides[3]];
    m = (1.f - a.momentum) * m + a.momentum * a.mean[c * a.strides[0]];
    v = (1.f - a.momentum) * v + a.momentum * a.unbiased * a.variance[c * a.strides[1]];
}
