// regrad.cu: ReGrad's correction of gradients ("Suppress and Rebalance", arXiv 2402.19298, section 3.3, as DADM uses it), many
// parameters a launch; float32.
//
// Maths    g own gradient of a parameter of modality k, x and y those of the others, i < j; mu information; null gradients are 0
//          mod(b, x) = q b if b . x > 0, else x - q b;   q = (b . x) / (b . b + 1e-8), NaN taken as 0
//          k slow (no mu is above mu_k):  out = total + g + mu_i mod(g, x) + mu_j mod(g, y)
//          else, with b = x + y:          out = total + b + mu_k mod(b, g)
//          which is total + u g + v x + w y, with three numbers that follow from two or three inner products and mu
// Launches regrad_sums leaves three sums a block; regrad adds up those of its run, and applies. mu is read by both, from the
//          device's memory, so that either case can be launched again by a graph
// Runs     runs.cuh; a run has at most THREADS blocks
// Order    a thread's sum in double, then the block's, then the blocks' in order: a run's bits do not depend on its neighbours
// Shared   3 x 32 doubles
// Barriers one a sum over the block
#include "runs.cuh"

enum { PER = 4, PRODUCTS = 3 };

struct Correction {
    float* out;
    const float *total, *own, *first, *second; // each may be null; out may be total
    u32 count, begin, chunk;
    i32 owner;
};
struct Corrections {
    const double* information; // [3]
    double* sums;              // [blocks][PRODUCTS]
    u32 n, blocks;
    Correction run[RUNS];
};

DEVICE bool is_slow(const double* mu, i32 k) { return mu[k] >= mu[k == 0 ? 1 : 0] && mu[k] >= mu[k == 2 ? 1 : 2]; }

// Slow: g . g, g . x, g . y. Else: b . b, b . g, 0.
KERNEL(THREADS, 2, regrad_sums, Corrections) {
    SHARED(double, room, PRODUCTS * WARP);
    Correction c = a.run[run_of(a.run, a.n, blockIdx.x)];
    bool slow = is_slow(a.information, c.owner);
    bool wide = is_wide(c.own) && is_wide(c.first) && is_wide(c.second);
    u32 from = (blockIdx.x - c.begin) * c.chunk, end = least(from + c.chunk, c.count);
    double sum[PRODUCTS] = {};
    for (u32 first = from + 4 * threadIdx.x; first < end; first += PER * STRIDE) {
        float g[PER][4], x[PER][4], y[PER][4];
#pragma unroll
        for (int r = 0; r < PER; r++) {
            u32 at = first + r * STRIDE;
            load_below(g[r], c.own, at, end, wide);
            load_below(x[r], c.first, at, end, wide);
            load_below(y[r], c.second, at, end, wide);
        }
#pragma unroll
        for (int r = 0; r < PER; r++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float base = slow ? g[r][e] : x[r][e] + y[r][e];
                sum[0] += (double)base * base;
                sum[1] += (double)base * (slow ? x[r][e] : g[r][e]);
                sum[2] += slow ? (double)base * y[r][e] : 0.0;
            }
        }
    }
#pragma unroll
    for (int k = 0; k < PRODUCTS; k++) {
        double all = block_sum(sum[k], room + k * WARP);
        if (threadIdx.x == 0) a.sums[PRODUCTS * blockIdx.x + k] = all;
    }
}

// mu mod(b, x) = of_base b + of_x x.
DEVICE void modulated(double square, double along, double mu, double& of_base, float& of_x) {
    double ratio = along / (square + 1e-8);
    double q = ratio != ratio ? 0.0 : ratio;
    of_base += along > 0 ? mu * q : -mu * q;
    of_x = along > 0 ? 0.f : (float)mu;
}
// weight x, and 0 where the weight is 0 whatever x is.
DEVICE float weighted(float weight, float x) { return weight == 0.f ? 0.f : weight * x; }

KERNEL(THREADS, 2, regrad, Corrections) {
    SHARED(double, room, PRODUCTS * WARP);
    Correction c = a.run[run_of(a.run, a.n, blockIdx.x)];
    u32 blocks = (c.count - 1) / c.chunk + 1;
    double sum[PRODUCTS];
#pragma unroll
    for (int k = 0; k < PRODUCTS; k++) {
        double part = threadIdx.x < blocks ? a.sums[PRODUCTS * (c.begin + threadIdx.x) + k] : 0.0;
        sum[k] = block_sum(part, room + k * WARP);
    }
    const double* mu = a.information;
    double of_base = 1;
    float u, v, w;
    if (is_slow(mu, c.owner)) {
        modulated(sum[0], sum[1], mu[c.owner == 0 ? 1 : 0], of_base, v);
        modulated(sum[0], sum[2], mu[c.owner == 2 ? 1 : 2], of_base, w);
        u = (float)of_base;
    } else {
        modulated(sum[0], sum[1], mu[c.owner], of_base, u);
        v = w = (float)of_base;
    }
    bool wide = is_wide(c.out) && is_wide(c.total) && is_wide(c.own) && is_wide(c.first) && is_wide(c.second);
    u32 from = (blockIdx.x - c.begin) * c.chunk, end = least(from + c.chunk, c.count);
    for (u32 first = from + 4 * threadIdx.x; first < end; first += 2 * STRIDE) {
        float t[2][4], g[2][4], x[2][4], y[2][4];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            u32 at = first + r * STRIDE;
            load_below(t[r], c.total, at, end, wide);
            load_below(g[r], c.own, at, end, wide);
            load_below(x[r], c.first, at, end, wide);
            load_below(y[r], c.second, at, end, wide);
        }
#pragma unroll
        for (int r = 0; r < 2; r++) {
#pragma unroll
            for (int e = 0; e < 4; e++) t[r][e] += weighted(u, g[r][e]) + (weighted(v, x[r][e]) + weighted(w, y[r][e]));
            store_below(t[r], c.out, first + r * STRIDE, end, wide);
        }
    }
}
