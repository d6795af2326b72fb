// angles.cu: DADM's loss of angles between three modalities and three domains, and its gradient; Loss.java has the definition.
//
// Maths    Row a of 3 B is row a % B of features a / B. G[a, b] = x[a] x[b] / (|x[a]| |x[b]|). A cell is a class in a domain: m rows, and
//          for each pair of modalities m^2 products of mean u and spread S = sum (G - u)^2.
//          loss = sum over classes, and pairs of domains (p, q), of weight times
//                 sum (G - tau)^2  +  mq^2 Sp + mp^2 Sq + mp^2 mq^2 (up - uq)^2
//          W[a, b] = 2 weight (G - tau) in one modality and two domains, 2 weight sum over other q of mq^2 (G - uq) in two and one
//          dx[a] = (sum over b of W[a, b] x[b] / |x[b]| - x[a] / |x[a]| sum over b of W[a, b] G[a, b]) / |x[a]|
// Shapes   x, dx three of [B, D] float32, any strides; live, domain i64 [B]; products [3B, 3B] float32, of which what counts is there;
//          lengths [3B]; cells [CELLS][2 + PAIRS]: m, weight, u of each pair
// Numbers  in double, but what is kept of G and lengths: a step has some thousand products, so the cost is that of launches
// Threads  angle_products: a block a row, a warp a product. angle_sums: a block a cell and pair of modalities, then a block a class,
//          pair of domains and modality. angle_loss: one warp, a lane a term. angle_slopes: a block a row and 256 columns.
// Shared   32 doubles a reduction over the block; angle_slopes: THREADS factors
// Barriers one a reduction over the block; angle_slopes: two a THREADS rows
#include "common.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP, MODALITIES = 3, PAIRS = 3, DOMAINS = 3, CELLS = 2 * DOMAINS };
// Places in a cell's row of the table.
enum { COUNT, WEIGHT, MEANS, CELL = MEANS + PAIRS };
// Spreads of cells and pairs, then distances of two domains in one modality.
enum { JOBS = CELLS * PAIRS, SUMS = 2 * JOBS };

struct Matrix {
    float* data;
    i64 row, column;
};
struct Angles {
    Matrix x[MODALITIES], dx[MODALITIES]; // data of the gradients may be null
    const i64 *live, *domain;
    i64 live_step, domain_step;
    float *products, *lengths;
    double *cells, *sums; // sums [SUMS] for angle_sums and angle_loss
    const float* dloss;
    float* loss;
    double tau[2];
    u32 rows, width;
};

// The cell of a row of the batch, CELLS for one that takes no part.
DEVICE u32 cell_of(const Angles& a, u32 i) {
    i64 domain = a.domain[i * a.domain_step];
    return (u64)domain < DOMAINS ? (u32)domain + (a.live[i * a.live_step] == 1 ? 0 : DOMAINS) : (u32)CELLS;
}
// Pairs (0, 1), (0, 2), (1, 2), of modalities or domains.
DEVICE u32 first_of(u32 pair) { return pair / 2; }
DEVICE u32 second_of(u32 pair) { return pair == 0 ? 1 : 2; }
DEVICE u32 pair_of(u32 s, u32 t) { return s + t - 1; }
// Whether cells are of one class and two domains.
DEVICE bool compared(u32 p, u32 q) { return p != q && p / DOMAINS == q / DOMAINS; }
// Whether somebody may look at the product of two rows of the 3 B.
DEVICE bool counts(const Angles& a, u32 i, u32 j) {
    u32 p = cell_of(a, i % a.rows), q = cell_of(a, j % a.rows);
    return p < CELLS && q < CELLS && (i / a.rows == j / a.rows ? compared(p, q) : p == q);
}
DEVICE float* product(const Angles& a, u32 i, u32 j) { return a.products + ((u64)i * MODALITIES * a.rows + j); }
DEVICE double value(const Angles& a, u32 i, u32 d) {
    const Matrix& m = a.x[i / a.rows];
    return m.data[i % a.rows * m.row + d * m.column];
}

KERNEL(THREADS, 2, angle_products, Angles) {
    const u32 i = blockIdx.x;
    for (u32 j = i + warp(); j < MODALITIES * a.rows; j += WARPS) {
        if (j != i && !counts(a, i, j)) continue;
        double xx = 0, yy = 0, xy = 0;
        for (u32 d = lane(); d < a.width; d += WARP) {
            double x = value(a, i, d), y = value(a, j, d);
            xx += x * x;
            yy += y * y;
            xy += x * y;
        }
        xx = warp_sum(xx);
        yy = warp_sum(yy);
        xy = warp_sum(xy);
        if (lane() != 0) continue;
        if (j == i) a.lengths[i] = (float)sqrt(xx);
        else *product(a, i, j) = *product(a, j, i) = (float)(xy / (sqrt(xx) * sqrt(yy)));
    }
}

KERNEL(THREADS, 2, angle_sums, Angles) {
    SHARED(double, room, 3 * WARP);
    const u32 job = blockIdx.x % JOBS, pairs = a.rows * a.rows;
    double sum = 0, count = 0;
    if (blockIdx.x < JOBS) {
        const u32 cell = job / PAIRS, pair = job % PAIRS, s = first_of(pair) * a.rows, t = second_of(pair) * a.rows;
        for (u32 n = threadIdx.x; n < pairs; n += THREADS) {
            u32 i = n / a.rows, j = n % a.rows;
            if (cell_of(a, i) != cell || cell_of(a, j) != cell) continue;
            sum += *product(a, s + i, t + j);
            count += 1;
        }
        sum = block_sum(sum, room);
        count = block_sum(count, room + WARP);
        const double mean = count > 0 ? sum / count : 0;
        sum = 0;
        for (u32 n = threadIdx.x; n < pairs; n += THREADS) {
            u32 i = n / a.rows, j = n % a.rows;
            if (cell_of(a, i) != cell || cell_of(a, j) != cell) continue;
            double off = *product(a, s + i, t + j) - mean;
            sum += off * off;
        }
        if (threadIdx.x == 0) a.cells[cell * CELL + MEANS + pair] = mean;
    } else {
        const u32 k = job % MODALITIES * a.rows, pair = job / MODALITIES % PAIRS, kind = job / (MODALITIES * PAIRS);
        const u32 p = kind * DOMAINS + first_of(pair), q = kind * DOMAINS + second_of(pair);
        for (u32 n = threadIdx.x; n < pairs; n += THREADS) {
            u32 i = n / a.rows, j = n % a.rows;
            if (cell_of(a, i) != p || cell_of(a, j) != q) continue;
            double off = *product(a, k + i, k + j) - a.tau[kind];
            sum += off * off;
        }
    }
    sum = block_sum(sum, room + 2 * WARP);
    if (threadIdx.x == 0) a.sums[blockIdx.x] = sum;
}

KERNEL(WARP, 1, angle_loss, Angles) {
    u32 count[CELLS];
#pragma unroll
    for (u32 c = 0; c < CELLS; c++) count[c] = 0;
    for (u32 first = 0; first < a.rows; first += WARP) {
        u32 cell = first + lane() < a.rows ? cell_of(a, first + lane()) : (u32)CELLS;
#pragma unroll
        for (u32 c = 0; c < CELLS; c++) count[c] += count_bits(votes(cell == c));
    }
    u32 present = 0, having[2] = {0, 0};
#pragma unroll
    for (u32 d = 0; d < DOMAINS; d++) {
        present += count[d] + count[DOMAINS + d] > 0;
        having[0] += count[d] > 0;
        having[1] += count[DOMAINS + d] > 0;
    }
    // Lane: class, pair of domains, modality or pair of those.
    const u32 l = lane() < JOBS ? lane() : 0, kind = l / (PAIRS * PAIRS), pair = l / PAIRS % PAIRS, k = l % PAIRS;
    const u32 p = kind * DOMAINS + first_of(pair), q = kind * DOMAINS + second_of(pair);
    double mp = 0, mq = 0, share = present > 1 ? 2.0 / (present * (present - 1)) : 0;
#pragma unroll
    for (u32 c = 0; c < CELLS; c++) {
        double weight = having[c / DOMAINS] == present ? share : 0;
        if (lane() == c) {
            a.cells[c * CELL + COUNT] = count[c];
            a.cells[c * CELL + WEIGHT] = weight;
        }
        if (c == p) mp = count[c];
        if (c == q) mq = count[c];
    }
    double term = 0;
    if (lane() < JOBS && having[kind] == present && mp > 0 && mq > 0) {
        double apart = a.cells[p * CELL + MEANS + k] - a.cells[q * CELL + MEANS + k];
        term = a.sums[JOBS + l] + mq * mq * a.sums[p * PAIRS + k] + mp * mp * a.sums[q * PAIRS + k] + mp * mp * mq * mq * apart * apart;
    }
    term = warp_sum(share * term);
    if (lane() == 0) *a.loss = (float)term;
}

// W[i, j].
DEVICE double factor(const Angles& a, u32 i, u32 j) {
    u32 p = cell_of(a, i % a.rows), s = i / a.rows, t = j / a.rows;
    if (!counts(a, i, j) || a.cells[p * CELL + WEIGHT] == 0) return 0;
    double g = *product(a, i, j), sum = 0;
    if (s == t) sum = g - a.tau[p / DOMAINS];
    else {
        for (u32 q = p / DOMAINS * DOMAINS; q < p / DOMAINS * DOMAINS + DOMAINS; q++) {
            double m = a.cells[q * CELL + COUNT];
            if (q != p) sum += m * m * (g - a.cells[q * CELL + MEANS + pair_of(s, t)]);
        }
    }
    return 2 * a.cells[p * CELL + WEIGHT] * sum;
}
KERNEL(THREADS, 2, angle_slopes, Angles) {
    SHARED(double, room, WARP);
    SHARED(double, factors, THREADS);
    const u32 i = blockIdx.x, d = blockIdx.y * THREADS + threadIdx.x, rows = MODALITIES * a.rows;
    const Matrix& to = a.dx[i / a.rows];
    if (to.data == nullptr) return;
    double sum = 0, along = 0;
    for (u32 first = 0; first < rows; first += THREADS) {
        u32 j = first + threadIdx.x;
        double w = j < rows ? factor(a, i, j) : 0;
        if (w != 0) along += w * *product(a, i, j), w /= a.lengths[j];
        factors[threadIdx.x] = w;
        barrier();
        for (u32 k = 0; k < THREADS && first + k < rows && d < a.width; k++) {
            if (factors[k] != 0) sum += factors[k] * value(a, first + k, d);
        }
        barrier();
    }
    along = block_sum(along, room);
    bool none = a.cells[WEIGHT] == 0 && a.cells[DOMAINS * CELL + WEIGHT] == 0;
    if (d >= a.width) return;
    double length = a.lengths[i], slope = *a.dloss * (sum - along * value(a, i, d) / length) / length;
    to.data[i % a.rows * to.row + d * to.column] = none ? 0.f : (float)slope;
}
