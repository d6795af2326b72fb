// optimizer.cu: the Adam step, of one array or of many small ones, and sums of squares; float32.
//
// Maths    g' = g + lambda p (L2) | g, p = p - alpha lambda p (decoupled)
//          m = beta1 m + (1 - beta1) g'     v = beta2 v + (1 - beta2) g'^2     p = p - alpha (m / c1) / (sqrt(v / c2) + eps)
//          nothing of it where the step does not apply, which is decided here: guard has the steps of a table not apply where a
//          loss is no number
//          squares: sum of x^2, in double
// Shapes   any; operands of one layout come down to one run (Space.java), taken four at a time; adam_several: runs.cuh
// Threads  256 a block, a step a thread; sums: up to BLOCKS blocks stride over the space, PER steps of a thread at once
// Order    sums: a thread's in double, then the block's, then the blocks' in order
// Shared   32 doubles a sum over the block
// Barriers one a sum over the block
#include "runs.cuh"

enum { BLOCKS = 256, PER = 4 };

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

struct Constants {
    float beta1, rest1, beta2, rest2; // rest = 1 - beta
    float eps;
    i32 decoupled;
};
// What changes from step to step, and from parameter to parameter.
struct Now {
    const double* step; // AdamStep.java: alpha, c1, c2, alpha / c1, 1 / c2, and whether it applies
    double lambda;
};
DEVICE bool applies(const Now& now) { return now.step[5] != 0; }
template <int V> DEVICE void adam_of(const Constants& c, const Now& now, float (&p)[V], const float (&gradient)[V], float (&m)[V], float (&v)[V]) {
    float rate = (float)now.step[3], by_correction2 = (float)now.step[4];
    float decay = (float)(c.decoupled ? now.step[0] * now.lambda : now.lambda);
#pragma unroll
    for (int k = 0; k < V; k++) {
        float g = gradient[k];
        if (c.decoupled) p[k] -= decay * p[k];
        else g += decay * p[k];
        m[k] = c.beta1 * m[k] + c.rest1 * g;
        v[k] = c.beta2 * v[k] + c.rest2 * g * g;
        p[k] -= rate * m[k] / (sqrtf(v[k] * by_correction2) + c.eps);
    }
}

// Operands gradient, parameter, first, second.
struct Adam {
    Space space;
    Operand o[4];
    Now now;
    Constants constants;
};
template <int V> DEVICE void adam_step(const Adam& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count || !applies(a.now)) return;
    float g[V], p[V], m[V], v[V];
    u64 at[4];
    locate(a.space, a.o, n, at);
    u32 some = valid<V>(a.space, n);
    load(g, a.o[0], at[0], some);
    load(p, a.o[1], at[1], some);
    load(m, a.o[2], at[2], some);
    load(v, a.o[3], at[3], some);
    adam_of(a.constants, a.now, p, g, m, v);
    store(p, a.o[1], at[1], some);
    store(m, a.o[2], at[2], some);
    store(v, a.o[3], at[3], some);
}
KERNEL(THREADS, 4, adam, Adam) {
    if (a.space.width == 4) adam_step<4>(a);
    else adam_step<1>(a);
}

struct Update {
    float* parameter;
    const float* gradient;
    float *first, *second;
    Now now;
    u32 count, begin; // of STRIDE elements a block
};
struct Updates {
    Constants constants;
    u32 n, unused;
    Update run[RUNS];
};
KERNEL(THREADS, 4, adam_several, Updates) {
    Update u = a.run[run_of(a.run, a.n, blockIdx.x)];
    u32 at = (blockIdx.x - u.begin) * STRIDE + 4 * threadIdx.x;
    if (at >= u.count || !applies(u.now)) return;
    bool wide = is_wide(u.parameter) && is_wide(u.gradient) && is_wide(u.first) && is_wide(u.second);
    float p[4], g[4], m[4], v[4];
    load_below(g, u.gradient, at, u.count, wide);
    load_below(p, u.parameter, at, u.count, wide);
    load_below(m, u.first, at, u.count, wide);
    load_below(v, u.second, at, u.count, wide);
    adam_of(a.constants, u.now, p, g, m, v);
    store_below(p, u.parameter, at, u.count, wide);
    store_below(m, u.first, at, u.count, wide);
    store_below(v, u.second, at, u.count, wide);
}

// A table of steps, each of STEP numbers, of which the last says whether it applies.
enum { STEP = 6 };
struct Guard {
    const float* values;
    const double* steps;
    double* guarded;
    u32 values_count, numbers;
};
KERNEL(THREADS, 4, guard, Guard) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.numbers) return;
    bool finite = true;
    for (u32 i = 0; i < a.values_count; i++) finite &= fabsf(a.values[i]) <= as_float(0x7f7fffffu);
    a.guarded[n] = n % STEP == STEP - 1 && !finite ? 0.0 : a.steps[n];
}

// A sum of squares a block.
struct Squares {
    Space space;
    Operand o[1];
    double* sums;
};
template <int V> DEVICE void squares_of(const Squares& a, double* room) {
    double sum = 0;
    for (u32 first = blockIdx.x * (THREADS * PER) + threadIdx.x; first < a.space.count; first += gridDim.x * (THREADS * PER)) {
        float x[PER][V];
#pragma unroll
        for (int r = 0; r < PER; r++) {
            u32 n = first + r * THREADS;
            u64 at[1] = {};
            bool inside = n < a.space.count;
            if (inside) locate(a.space, a.o, n, at);
            load(x[r], a.o[0], at[0], inside ? valid<V>(a.space, n) : 0);
        }
#pragma unroll
        for (int r = 0; r < PER; r++) {
#pragma unroll
            for (int e = 0; e < V; e++) sum += (double)x[r][e] * x[r][e];
        }
    }
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) a.sums[blockIdx.x] = sum;
}
KERNEL(THREADS, 2, squares, Squares) {
    SHARED(double, room, WARP);
    if (a.space.width == 4) squares_of<4>(a, room);
    else squares_of<1>(a, room);
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
