// means.cu: prototypes of classes, and means of whole tensors; of float32, in double.
//
// Maths    m[k, c, d] = sum over b of class c of x[k, b, d] / count[c], 0 where there is none
//          state[k, c, d] = m[k, c, d]                                             without momentum
//                           state[k, c, d]                                         of a class that keeps what it was
//                           fresh m[k, c, d] + before state[k', c, d]              else; k' = k, or M - k for k > 0 where swapped
//          means: y[k] = sum x[k] / elements
// Shapes   x [B, D] of three modalities, of any strides; classes i64 [B]; state f64 [3, C, D] and to f32, dense; means: up to three of any shape
// Threads  class_means: one a class and column, all modalities of it, so that the state may be updated in place; rows in their order.
//          means: a block a tensor
// Shared   means: 32 doubles
// Barriers means: one sum over the block
#include "common.cuh"

enum { THREADS = 256, MODALITIES = 3 };

struct Matrix {
    const float* data;
    i64 row, column;
};
struct ClassMeans {
    Matrix x[MODALITIES];
    const i64* classes;
    i64 class_step;
    const i64* momentum;
    double* state;
    float* to;
    double fresh, before;
    u32 rows, each, width; // each: elements of a modality's state
    i32 swap, keep, unused;
};
KERNEL(THREADS, 2, class_means, ClassMeans) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.each) return;
    i64 own = n / a.width, column = n % a.width;
    u32 count = 0;
    for (u32 b = 0; b < a.rows; b++) count += a.classes[b * a.class_step] == own;
    bool momentum = *a.momentum != 0;
    double was[MODALITIES], mean[MODALITIES] = {};
#pragma unroll
    for (int k = 0; k < MODALITIES; k++) was[k] = a.state[(u64)k * a.each + n];
    for (u32 b = 0; b < a.rows; b++) {
        if (a.classes[b * a.class_step] != own) continue;
#pragma unroll
        for (int k = 0; k < MODALITIES; k++) mean[k] += (double)a.x[k].data[b * a.x[k].row + column * a.x[k].column] / count;
    }
#pragma unroll
    for (int k = 0; k < MODALITIES; k++) {
        double other = a.swap && k > 0 ? was[(MODALITIES - k) % MODALITIES] : was[k];
        double mixed = a.fresh * mean[k] + a.before * other;
        double now = !momentum ? mean[k] : count == 0 && a.keep ? was[k] : mixed;
        a.state[(u64)k * a.each + n] = now;
        a.to[(u64)k * a.each + n] = (float)now;
    }
}

struct Means {
    View x[MODALITIES];
    double* y;
};
KERNEL(THREADS, 1, means, Means) {
    SHARED(double, room, WARP);
    const View& x = a.x[blockIdx.x];
    i64 count = 1;
    for (int d = 0; d < x.rank; d++) count *= x.size[d];
    double sum = 0;
    for (i64 i = threadIdx.x; i < count; i += THREADS) sum += ((const float*)x.data)[position(x, i)];
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) a.y[blockIdx.x] = sum / count;
}
