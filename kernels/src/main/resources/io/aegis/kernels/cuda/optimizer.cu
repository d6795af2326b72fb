// optimizer.cu: the Adam step, sums of squares, ReGrad's modulation; float32.
//
// Maths    g' = g + lambda p (L2) | g, p = p - alpha lambda p (decoupled)
//          m = beta1 m + (1 - beta1) g'     v = beta2 v + (1 - beta2) g'^2     p = p - alpha (m / c1) / (sqrt(v / c2) + eps)
//          squares: sum of x^2, in double
//          modulate: q = (b . x) / (b . b + 1e-8), NaN taken as 0; out = q b if b . x > 0, else x - q b
// Shapes   any; operands of one layout come down to one run (Space.java), taken four at a time
// Threads  256 a block, a step a thread; sums: up to BLOCKS blocks stride over the space, PER steps of a thread at once
// Order    sums: a thread's in double, then the block's, then the blocks' in order; modulate's blocks each add up the partial
//          sums anew, which are the same for all
// Shared   32 doubles a sum over the block
// Barriers one a sum over the block
#include "common.cuh"

enum { THREADS = 256, BLOCKS = 256, PER = 4 };

// The elements of a step, of which `valid` exist; the others are 0.
template <int V> DEVICE void load(float (&x)[V], const Operand& o, u64 at, u32 valid) {
    const float* p = (const float*)o.data + at;
    if constexpr (V == 4) {
        if (valid == V && o.step[0]) return load4(x, p);
    }
#pragma unroll
    for (int k = 0; k < V; k++) x[k] = k < (int)valid ? p[o.step[0] ? k : 0] : 0.f;
}
template <int V> DEVICE void store(const float (&x)[V], const Operand& o, u64 at, u32 valid) {
    float* p = (float*)o.data + at;
    if constexpr (V == 4) {
        if (valid == V) return store4(x, p);
    }
#pragma unroll
    for (int k = 0; k < V; k++) {
        if (k < (int)valid) p[k] = x[k];
    }
}
template <int V> DEVICE u32 valid(const Space& s, u32 n) { return V > 1 && n + 1 == s.count ? s.tail : V; }

// Operands gradient, parameter, first, second.
struct Adam {
    Space space;
    Operand o[4];
    const double* step; // AdamStep.java: alpha, c1, c2, alpha / c1, 1 / c2
    double lambda;
    float beta1, rest1, beta2, rest2; // rest = 1 - beta
    float eps;
    i32 decoupled;
};
template <int V> DEVICE void adam_step(const Adam& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    float g[V], p[V], m[V], v[V];
    u64 at[4];
    locate(a.space, a.o, n, at);
    u32 some = valid<V>(a.space, n);
    load(g, a.o[0], at[0], some);
    load(p, a.o[1], at[1], some);
    load(m, a.o[2], at[2], some);
    load(v, a.o[3], at[3], some);
    float rate = (float)a.step[3], by_correction2 = (float)a.step[4];
    float decay = (float)(a.decoupled ? a.step[0] * a.lambda : a.lambda);
#pragma unroll
    for (int k = 0; k < V; k++) {
        if (a.decoupled) p[k] -= decay * p[k];
        else g[k] += decay * p[k];
        m[k] = a.beta1 * m[k] + a.rest1 * g[k];
        v[k] = a.beta2 * v[k] + a.rest2 * g[k] * g[k];
        p[k] -= rate * m[k] / (sqrtf(v[k] * by_correction2) + a.eps);
    }
    store(p, a.o[1], at[1], some);
    store(m, a.o[2], at[2], some);
    store(v, a.o[3], at[3], some);
}
KERNEL(THREADS, 4, adam, Adam) {
    if (a.space.width == 4) adam_step<4>(a);
    else adam_step<1>(a);
}

// Sums of products of two operands with the first: [2][gridDim.x], or with one operand of its squares.
template <int N> struct Products {
    Space space;
    Operand o[N];
    double* sums;
};
template <int V, int N> DEVICE void products(const Products<N>& a, double* room) {
    double sum[N] = {};
    for (u32 first = blockIdx.x * (THREADS * PER) + threadIdx.x; first < a.space.count; first += gridDim.x * (THREADS * PER)) {
        float x[PER][N][V];
#pragma unroll
        for (int r = 0; r < PER; r++) {
            u32 n = first + r * THREADS;
            u64 at[N] = {};
            bool inside = n < a.space.count;
            if (inside) locate(a.space, a.o, n, at);
#pragma unroll
            for (int k = 0; k < N; k++) load(x[r][k], a.o[k], at[k], inside ? valid<V>(a.space, n) : 0);
        }
#pragma unroll
        for (int r = 0; r < PER; r++) {
#pragma unroll
            for (int e = 0; e < V; e++) {
#pragma unroll
                for (int k = 0; k < N; k++) sum[k] += (double)x[r][0][e] * x[r][k][e];
            }
        }
    }
#pragma unroll
    for (int k = 0; k < N; k++) {
        double all = block_sum(sum[k], room + k * WARP);
        if (threadIdx.x == 0) a.sums[k * gridDim.x + blockIdx.x] = all;
    }
}
KERNEL(THREADS, 2, squares, Products<1>) {
    SHARED(double, room, WARP);
    if (a.space.width == 4) products<4>(a, room);
    else products<1>(a, room);
}
KERNEL(THREADS, 2, dots, Products<2>) {
    SHARED(double, room, 2 * WARP);
    if (a.space.width == 4) products<4>(a, room);
    else products<1>(a, room);
}
struct Total {
    const double* x;
    double* y;
    u32 count, unused;
};
KERNEL(THREADS, 1, total, Total) {
    SHARED(double, room, WARP);
    double sum = 0;
    for (u32 i = threadIdx.x; i < a.count; i += THREADS) sum += a.x[i];
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) *a.y = sum;
}

// Operands base, x, out; sums [2][blocks] of dots.
struct Modulate {
    Space space;
    Operand o[3];
    const double* sums;
    u32 blocks, unused;
};
template <int V> DEVICE void modulate_step(const Modulate& a, double along, double square) {
    double ratio = along / (square + 1e-8);
    float q = ratio != ratio ? 0.f : (float)ratio;
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    float b[V], x[V];
    u64 at[3];
    locate(a.space, a.o, n, at);
    u32 some = valid<V>(a.space, n);
    load(b, a.o[0], at[0], some);
    load(x, a.o[1], at[1], some);
#pragma unroll
    for (int k = 0; k < V; k++) x[k] = along > 0 ? q * b[k] : x[k] - q * b[k];
    store(x, a.o[2], at[2], some);
}
KERNEL(THREADS, 4, modulate, Modulate) {
    SHARED(double, room, 2 * WARP);
    bool has = threadIdx.x < a.blocks;
    double square = block_sum(has ? a.sums[threadIdx.x] : 0.0, room);
    double along = block_sum(has ? a.sums[a.blocks + threadIdx.x] : 0.0, room + WARP);
    if (a.space.width == 4) modulate_step<4>(a, along, square);
    else modulate_step<1>(a, along, square);
}
