// loss.cu: softmax cross-entropy and negative Euclidean distances; forward and backward.
//
// Maths    loss = mean over b of log sum exp z[b] - z[b, t[b]]     P = softmax(z)     dz = dloss (P - onehot(t)) / B
//          of some rows: those of target -1 count as 0, and the sum is divided by another number than B
//          y[b, c] = -|x[b] - p[c]|                                dx[b] = sum over c of dy[b, c] (x[b] - p[c]) / y[b, c]
// Shapes   z, P, dz, y, dy [B, C]  x, dx [B, D]  p [C, D]  t i64 [B]; any strides; a label outside 0..C-1 makes the loss NaN
// Types    all but t of T: float, or in variants of their own bf16 or f16; arithmetic is of floats, results are rounded once
// Threads  cross_entropy: a row a block of up to 1024, each thread with a running maximum and sum of its own, BATCH elements
//          at a time, so that the row is read once for the loss and once for P; mean: one block, in double.
//          distance: a warp a result. distance_backward: an element of dx a thread.
// Shared   2 x 32 floats for the block's maximum and sum; mean: 32 doubles
// Barriers one a reduction over the block
#include "common.cuh"

#ifndef T
#define T float
#endif
enum { THREADS = 256, WARPS = THREADS / WARP, MOST_THREADS = 1024, BATCH = 8 };

// A matrix with distances in elements.
struct Matrix {
    T* data;
    i64 row, column;
};
DEVICE T* place(const Matrix& m, i64 row, i64 column) { return m.data + (row * m.row + column * m.column); }
DEVICE float at(const Matrix& m, i64 row, i64 column) { return to_float(*place(m, row, column)); }
DEVICE void put(const Matrix& m, i64 row, i64 column, float x) { from_float(x, *place(m, row, column)); }

struct CrossEntropy {
    Matrix logits, probabilities; // the latter's data may be null
    const i64* target;
    i64 target_step;
    float* row_loss; // [B]
    u32 classes;
    i32 some; // whether a target of -1 is that of a row that takes no part
};
// BATCH elements of a row, blockDim apart; what lies beyond the row is -infinity.
DEVICE void load(float (&z)[BATCH], const CrossEntropy& a, i64 b, u32 first) {
#pragma unroll
    for (int k = 0; k < BATCH; k++) {
        u32 c = first + k * blockDim.x;
        z[k] = c < a.classes ? at(a.logits, b, c) : as_float(0xff800000u);
    }
}
KERNEL(MOST_THREADS, 1, cross_entropy, CrossEntropy) {
    SHARED(float, room, 2 * WARP);
    const i64 b = blockIdx.x;
    // Sum of exp(z - top) over what this thread has seen. From the lowest finite number on, so that -infinity adds nothing.
    float top = as_float(0xff7fffffu), sum = 0.f, z[BATCH];
    for (u32 first = threadIdx.x; first < a.classes; first += BATCH * blockDim.x) {
        load(z, a, b, first);
        float before = top;
#pragma unroll
        for (int k = 0; k < BATCH; k++) top = larger(top, z[k]);
        sum *= expf(before - top);
#pragma unroll
        for (int k = 0; k < BATCH; k++) sum += expf(z[k] - top);
    }
    float all = block_max(top, room);
    sum = block_sum(sum * expf(top - all), room + WARP);
    if (threadIdx.x == 0) {
        i64 t = a.target[b * a.target_step];
        bool exists = (u64)t < (u64)a.classes;
        a.row_loss[b] = a.some && t == -1 ? 0.f : exists ? all - at(a.logits, b, t) + logf(sum) : as_float(0x7fc00000u);
    }
    if (a.probabilities.data == nullptr) return;
    float share = 1.f / sum;
    for (u32 first = threadIdx.x; first < a.classes; first += BATCH * blockDim.x) {
        load(z, a, b, first);
#pragma unroll
        for (int k = 0; k < BATCH; k++) {
            u32 c = first + k * blockDim.x;
            if (c < a.classes) put(a.probabilities, b, c, expf(z[k] - all) * share);
        }
    }
}

struct Mean {
    const float* x;
    T* y;
    u32 count, over;
};
KERNEL(THREADS, 1, mean, Mean) {
    SHARED(double, room, WARP);
    double sum = 0;
    for (u32 i = threadIdx.x; i < a.count; i += THREADS) sum += a.x[i];
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) from_float((float)(sum / a.over), *a.y);
}

// Operands P, dz; the outermost dimension of the space is the row, of so many steps.
struct CrossEntropyBackward {
    Space space;
    Operand o[2];
    const i64* target;
    i64 target_step;
    const T* dloss;
    u32 row_steps, over;
};
template <int V> DEVICE void cross_entropy_step(const CrossEntropyBackward& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u64 at[2];
    u32 row = locate(a.space, a.o, n, at);
    i64 first = (i64)(n - row * a.row_steps) * V, target = a.target[row * a.target_step];
    const T* p = (const T*)a.o[0].data + at[0];
    T* dz = (T*)a.o[1].data + at[1];
    float scale = to_float(*a.dloss) / a.over, x[V];
    if constexpr (V == 4) load4(x, p);
    else x[0] = to_float(*p);
#pragma unroll
    for (int k = 0; k < V; k++) x[k] = target == -1 ? 0.f : (x[k] - (first + k == target ? 1.f : 0.f)) * scale;
    if constexpr (V == 4) store4(x, dz);
    else from_float(x[0], *dz);
}
KERNEL(THREADS, 4, cross_entropy_backward, CrossEntropyBackward) {
    if (a.space.width == 4) cross_entropy_step<4>(a);
    else cross_entropy_step<1>(a);
}

struct Distance {
    Matrix x, p, y, dy, dx;
    u32 rows, centres, width;
    i32 zero_at_zero;
};
KERNEL(THREADS, 4, distance, Distance) {
    u32 pair = blockIdx.x * WARPS + warp();
    if (pair / a.centres >= a.rows) return;
    i64 b = pair / a.centres, c = pair % a.centres;
    float sum = 0.f;
    for (u32 d = lane(); d < a.width; d += WARP) {
        float e = at(a.x, b, d) - at(a.p, c, d);
        sum += e * e;
    }
    sum = warp_sum(sum);
    if (lane() == 0) put(a.y, b, c, -sqrtf(sum));
}
KERNEL(THREADS, 4, distance_backward, Distance) {
    u32 d = blockIdx.x * THREADS + threadIdx.x;
    i64 b = blockIdx.y;
    if (d >= a.width) return;
    float x = at(a.x, b, d), sum = 0.f;
    for (u32 c = 0; c < a.centres; c++) {
        float y = at(a.y, b, c);
        if (y != 0.f || !a.zero_at_zero) sum += at(a.dy, b, c) * (x - at(a.p, c, d)) / y;
    }
    put(a.dx, b, d, sum);
}
