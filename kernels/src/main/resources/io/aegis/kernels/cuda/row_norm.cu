// row_norm.cu: layer norm and RMS norm, forward and backward.
//
// With h = (x - mean) rstd and g = dy gamma, means taken over a row of `width`
//   y = h gamma + beta     dx = rstd (g - mean(g) - h mean(g h))     dgamma = sum dy h     dbeta = sum dy
// RMS norm has mean 0, beta 0 and no mean(g).
//
// Shapes   x, y, dy, dx  rows of `width` numbers of T, anywhere (Rows); gamma, beta, dgamma, dbeta [width], float or, with `narrow`, T;
//          mean, rstd [rows], float. T is float, or in variants of their own bf16 or f16: arithmetic is of floats, results are rounded once
// Words    16 bytes of a row at a time where rows are dense, aligned and a multiple of that wide; else single numbers
// Threads  256 are teams of 1, 2, 4 or 8 warps, a row a team. A team takes every (blocks x teams)-th row; the next row's copy to
//          shared memory is under way while the present one is worked on. A thread reads back only what it copied itself, so
//          rows need no barrier.
// Shared   forward   stages x teams x width of T       backward  stages x teams x (x, dy) x width of T, then teams x (dgamma, dbeta) x
//          width floats
// Barrier  1 + team  the team's warps, once a sum over the row (two rooms in turn, so that none is overwritten while read)
//          0         backward, all: every team's dgamma and dbeta are complete
// The blocks' sums of dgamma and dbeta go to scratch, and sum_partials adds them in the order of blocks: the same bits each time.
#include "programmatic.cuh"
#include "rows.cuh"

#ifndef T
#define T float
#endif
enum { THREADS = 256, WARPS = THREADS / WARP, WORD = 16 / sizeof(T), NARROWER = sizeof(float) / sizeof(T) };

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
template <int N> DEVICE void fetch(T* to, const T* row, i64 step, int width, const Team& team) {
    #pragma unroll 2
    for (int i = N * team.thread; i < width; i += N * team.threads) {
        if constexpr (N == WORD) {
            copy_async16(to + i, row + i, 16);
        } else {
            to[i] = row[i * step];
        }
    }
}

// Elements i on of gamma or beta.
template <int N> DEVICE void read_vector(float (&v)[N], const u8* p, int i, i32 narrow) {
    if (sizeof(T) < sizeof(float) && narrow) read(v, (const T*)p + i);
    else read(v, (const float*)p + i);
}

struct RowNorm {
    RowsOf<T> x, y;
    const u8 *gamma, *beta;
    float *mean, *rstd; // null: not wanted
    i32 rows, width, warps, stages, wide, narrow;
    float eps;
    i32 unused;
};

template <bool CENTRED, int N> DEVICE void row_norm(const RowNorm& a, T* shared, float* room) {
    Team team = team_of(a.warps, room);
    const int width = a.width, pitch = (width + WORD - 1) / WORD * WORD, every = (int)gridDim.x * team.count;
    const float share = 1.f / width;
    int row = (int)blockIdx.x * team.count + team.index, stage = 0;
    T *first = shared + team.index * pitch, *second = first + team.count * pitch;
    if (row < a.rows) fetch<N>(first, row_of(a.x, row), a.x.step, width, team);
    copies_commit();
    for (; row < a.rows; row += every) {
        const T* x = stage ? second : first;
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
            #pragma unroll 2
            for (int i = N * team.thread; i < width; i += N * team.threads) {
                read(v, x + i);
                for (int k = 0; k < N; k++) mean += v[k];
            }
            team_sum(team, mean, rest);
            mean *= share;
        }
        // What rounding left in the mean is found again as the mean of the differences.
        #pragma unroll 2
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
        T* y = row_of(a.y, row);
        #pragma unroll 2
        for (int i = N * team.thread; i < width; i += N * team.threads) {
            float g[N], b[N];
            read(v, x + i);
            read_vector(g, a.gamma, i, a.narrow);
            if (CENTRED) read_vector(b, a.beta, i, a.narrow);
            for (int k = 0; k < N; k++) v[k] = CENTRED ? fmaf((v[k] - mean - rest) * rstd, g[k], b[k]) : v[k] * rstd * g[k];
            write(y + i * (N == WORD ? 1 : a.y.step), v);
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
    wait_for_previous();
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm<true, WORD>(a, (T*)shared, room);
    else row_norm<true, 1>(a, (T*)shared, room);
}
KERNEL(THREADS, 3, rms_norm, RowNorm) {
    wait_for_previous();
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm<false, WORD>(a, (T*)shared, room);
    else row_norm<false, 1>(a, (T*)shared, room);
}

struct RowNormBackward {
    RowsOf<T> x, dy, dx;            // dx.data null: not wanted
    const u8* gamma;
    const float *mean, *rstd;
    float* partial;                 // [blocks][2][width]: sums of dy h and of dy; null: not wanted
    i32 rows, width, warps, stages, wide, narrow;
};

template <bool CENTRED, int N> DEVICE void row_norm_backward(const RowNormBackward& a, T* shared, float* room) {
    Team team = team_of(a.warps, room);
    const int width = a.width, pitch = (width + WORD - 1) / WORD * WORD, every = (int)gridDim.x * team.count;
    const float share = 1.f / width;
    int row = (int)blockIdx.x * team.count + team.index, stage = 0;
    T *first = shared + 2 * team.index * pitch, *second = first + 2 * team.count * pitch;
    // Behind the rows of all teams, of which NARROWER numbers take a float's place.
    float* sums = (float*)shared + 2 * (a.stages * team.count + NARROWER * team.index) * pitch / NARROWER;
    if (a.partial) {
        #pragma unroll 2
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
        const T *x = stage ? second : first, *dy = x + pitch;
        if (a.stages == 2) {
            stage ^= 1;
            if (row + every < a.rows) {
                T* next = stage ? second : first;
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
        #pragma unroll 2
        for (int i = N * team.thread; i < width; i += N * team.threads) {
            read(v, x + i);
            read(d, dy + i);
            read_vector(g, a.gamma, i, a.narrow);
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
            T* dx = row_of(a.dx, row);
            #pragma unroll 2
            for (int i = N * team.thread; i < width; i += N * team.threads) {
                read(v, x + i);
                read(d, dy + i);
                read_vector(g, a.gamma, i, a.narrow);
                for (int k = 0; k < N; k++) v[k] = rstd * (d[k] * g[k] - of_g - (v[k] - mean) * rstd * of_gh);
                write(dx + i * (N == WORD ? 1 : a.dx.step), v);
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
        const float* teams = (const float*)shared + 2 * a.stages * team.count / NARROWER * pitch;
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
    wait_for_previous();
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm_backward<true, WORD>(a, (T*)shared, room);
    else row_norm_backward<true, 1>(a, (T*)shared, room);
}
KERNEL(THREADS, 3, rms_norm_backward, RowNormBackward) {
    wait_for_previous();
    DYNAMIC_SHARED(shared);
    SHARED(float, room, 4 * WARPS);
    if (a.wide) row_norm_backward<false, WORD>(a, (T*)shared, room);
    else row_norm_backward<false, 1>(a, (T*)shared, room);
}

// dgamma and dbeta, each unless null: partial [count][2][width] added up, 32 of the 2 width columns a block.
struct Partials {
    const float* partial;
    u8 *dgamma, *dbeta;
    i32 count, width, narrow, unused;
};
KERNEL(THREADS, 4, sum_partials, Partials) {
    wait_for_previous();
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
        u8* to = column < a.width ? a.dgamma : a.dbeta;
        const int at = column < a.width ? column : column - a.width;
        if (to && sizeof(T) < sizeof(float) && a.narrow) from_float(sum, ((T*)to)[at]);
        else if (to) ((float*)to)[at] = sum;
    }
}
