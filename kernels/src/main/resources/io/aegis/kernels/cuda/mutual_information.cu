// mutual_information.cu: DADM's loss between two batches of information tokens, and its gradient through the permutations.
//
// Maths    X[i, d] = (a[pa[i], d] + b[pb[i], d]) / 2, n = B D     M = log(sum exp X / n) - sum X / n
//          dX = dM (exp X / sum exp X - 1 / n);   da[j, d] = sum over i with pa[i] = j of dX[i, d] / 2, db alike
// Shapes   a, b, da, db [B, D] float32, any strides; pa, pb i64 [B]; a row number outside 0..B-1 makes the result NaN
// Numbers  in double throughout: the exponentials are not shifted by their maximum, as published, and beyond 88 float32
//          has no room for them. A batch has tens of thousands of elements, so the cost is that of a launch.
// Threads  sums: 256 an up to BLOCKS blocks, each leaves sum X and sum exp X; loss: one block adds them, in order;
//          backward: an element of da (blockIdx.z 0) or db (1) a thread, which looks through the permutation
// Shared   32 doubles a reduction over the block
// Barriers one a reduction over the block
#include "common.cuh"

enum { THREADS = 256, BLOCKS = 64 };

struct Matrix {
    float* data;
    i64 row, column;
};
struct Permutation {
    const i64* data;
    i64 step;
};
struct Information {
    Matrix a, b, da, db; // data of the gradients may be null
    Permutation pa, pb;
    double* sums; // [BLOCKS][2]
    const float* dloss;
    float* loss;
    u32 rows, width;
    u32 blocks, unused;
};

DEVICE double value(const Matrix& m, const Permutation& p, u32 i, u32 d, u32 rows) {
    i64 row = p.data[i * p.step];
    return (u64)row < rows ? m.data[row * m.row + d * m.column] : as_double(0x7ff8000000000000ull);
}
DEVICE double critic(const Information& a, u32 i, u32 d) {
    return (value(a.a, a.pa, i, d, a.rows) + value(a.b, a.pb, i, d, a.rows)) / 2;
}

KERNEL(THREADS, 2, information_sums, Information) {
    SHARED(double, room, 2 * WARP);
    double sum = 0, exps = 0;
    for (u64 n = blockIdx.x * THREADS + threadIdx.x; n < (u64)a.rows * a.width; n += gridDim.x * THREADS) {
        double x = critic(a, (u32)(n / a.width), (u32)(n % a.width));
        sum += x;
        exps += exp(x);
    }
    sum = block_sum(sum, room);
    exps = block_sum(exps, room + WARP);
    if (threadIdx.x == 0) {
        a.sums[2 * blockIdx.x] = sum;
        a.sums[2 * blockIdx.x + 1] = exps;
    }
}
DEVICE double sum_of(const Information& a, u32 which) {
    double sum = 0;
    for (u32 k = 0; k < a.blocks; k++) sum += a.sums[2 * k + which];
    return sum;
}
KERNEL(WARP, 1, information_loss, Information) {
    double n = (double)a.rows * a.width;
    if (threadIdx.x == 0) *a.loss = (float)(log(sum_of(a, 1) / n) - sum_of(a, 0) / n);
}
KERNEL(THREADS, 2, information_backward, Information) {
    u32 d = blockIdx.x * THREADS + threadIdx.x, j = blockIdx.y;
    Matrix to = blockIdx.z == 0 ? a.da : a.db;
    Permutation p = blockIdx.z == 0 ? a.pa : a.pb;
    if (d >= a.width || to.data == nullptr) return;
    double exps = sum_of(a, 1), n = (double)a.rows * a.width, sum = 0;
    for (u32 i = 0; i < a.rows; i++) {
        if (p.data[i * p.step] == j) sum += (exp(critic(a, i, d)) / exps - 1 / n) / 2;
    }
    to.data[j * to.row + d * to.column] = (float)(*a.dloss * sum);
}
