// reduction.cu: sums over any dimensions, softmax and Euclidean normalisation along rows, float32.
//
// Maths    y = [y +] scale sum x                                       sum_rows | sum_columns, then sum_finish
//          y = exp(x - max x) / sum exp(x - max x)     dx = y (dy - sum dy y)            softmax, softmax_backward
//          y = x / |x|                                 dx = (dy - y (dy . y)) / |x|      normalize, normalize_backward
// Shapes   sums: the kept dimensions of x are one space, the summed ones another (Space.java); rows: [..., width], any strides
// Threads  sum_rows     an output a warp or a block, which runs along the summed dimensions: they are dense in x
//          sum_columns  an output (or four neighbours) a lane, 8 warps share the summed steps: the kept ones are dense
//          rows         a row a warp (8 a block), or a row a block of up to 1024; a thread keeps 16 values in registers, and
//                       only of rows longer than that reads the rest again
//          A thread of a sum loads BATCH steps before it adds them. Where outputs are too few to fill the device, grid.y
//          splits the summed steps, partial sums go to scratch [outputs][splits], and sum_finish adds those, a warp an
//          output. Every order of addition depends on sizes and the device, never on timing.
// Shared   32 floats a block-wide reduction; sum_columns 8 x 32 x 4 floats
// Barriers one a block-wide reduction; sum_columns: all warps' sums are complete
#include "common.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP, MOST_THREADS = 1024, BATCH = 4 };

// V neighbours at once, or one.
template <int V> DEVICE void read(float (&v)[V], const float* p) {
    if constexpr (V == 4) load4(v, p);
    else v[0] = *p;
}
template <int V> DEVICE void write(float* p, const float (&v)[V]) {
    if constexpr (V == 4) store4(v, p);
    else *p = v[0];
}
template <int V> DEVICE float total(const float (&v)[V]) {
    if constexpr (V == 4) return (v[0] + v[1]) + (v[2] + v[3]);
    else return v[0];
}

// ---- sums ----------------------------------------------------------------------------------------------------------

struct Sum {
    Space kept;
    Operand kept_of[2]; // x, y
    Space summed;
    Operand summed_of[1]; // x
    float* partial;       // null when grid.y is 1
    u32 steps;            // of the summed, a split
    float scale;
    i32 accumulate, teams; // sum_rows: outputs a block, WARPS or 1
};

DEVICE void deliver(const Sum& a, u64 at, u32 output, float sum) {
    if (a.partial) {
        a.partial[(u64)output * gridDim.y + blockIdx.y] = sum;
    } else {
        float* y = (float*)a.kept_of[1].data + at;
        *y = a.scale * sum + (a.accumulate ? *y : 0.f);
    }
}
// Steps first, first + stride ... below end, BATCH of them loaded before they are added.
template <int V> DEVICE void add_steps(float (&sum)[V], const Sum& a, const float* x, u32 first, u32 end, u32 stride) {
    bool plain = a.summed.rank == 1;
    for (u32 i = first; i < end; i += BATCH * stride) {
        float v[BATCH][V] = {};
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            u32 n = i + b * stride;
            if (n >= end) continue;
            u64 at[1] = {(u64)n * a.summed_of[0].step[0]};
            if (!plain) locate(a.summed, a.summed_of, n, at);
            read(v[b], x + at[0]);
        }
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
#pragma unroll
            for (int k = 0; k < V; k++) sum[k] += v[b][k];
        }
    }
}
KERNEL(THREADS, 4, sum_rows, Sum) {
    SHARED(float, room, WARP);
    bool alone = a.teams == 1;
    u32 output = blockIdx.x * a.teams + (alone ? 0 : (u32)warp());
    u32 threads = alone ? THREADS : WARP, thread = alone ? threadIdx.x : (u32)lane();
    if (output >= a.kept.count) return;
    u64 at[2];
    locate(a.kept, a.kept_of, output, at);
    const float* x = (const float*)a.kept_of[0].data + at[0];
    u32 from = blockIdx.y * a.steps, end = least(from + a.steps, a.summed.count);
    float sum;
    if (a.summed.width == 4) {
        float four[4] = {};
        add_steps(four, a, x, from + thread, end, threads);
        sum = total(four);
    } else {
        float one[1] = {};
        add_steps(one, a, x, from + thread, end, threads);
        sum = one[0];
    }
    sum = alone ? block_sum(sum, room) : warp_sum(sum);
    if (thread == 0) deliver(a, at[1], output, sum);
}
template <int V> DEVICE void sum_columns_of(const Sum& a, float* room) {
    u32 column = blockIdx.x * WARP + lane();
    bool mine = column < a.kept.count;
    u64 at[2];
    float sum[V] = {};
    if (mine) {
        locate(a.kept, a.kept_of, column, at);
        u32 from = blockIdx.y * a.steps, end = least(from + a.steps, a.summed.count);
        add_steps(sum, a, (const float*)a.kept_of[0].data + at[0], from + warp(), end, WARPS);
    }
#pragma unroll
    for (int k = 0; k < V; k++) room[(warp() * V + k) * WARP + lane()] = sum[k];
    barrier();
    if (warp() != 0 || !mine) return;
#pragma unroll
    for (int k = 0; k < V; k++) {
        float all = 0.f;
        for (int w = 0; w < WARPS; w++) all += room[(w * V + k) * WARP + lane()];
        deliver(a, at[1] + k, column * V + k, all);
    }
}
KERNEL(THREADS, 4, sum_columns, Sum) {
    SHARED(float, room, WARPS * 4 * WARP);
    if (a.kept.width == 4) sum_columns_of<4>(a, room);
    else sum_columns_of<1>(a, room);
}
struct Finish {
    Space kept;
    Operand kept_of[1]; // y
    const float* partial;
    u32 splits;
    float scale;
    i32 accumulate, unused;
};
KERNEL(THREADS, 4, sum_finish, Finish) {
    u32 output = blockIdx.x * WARPS + warp(), width = a.kept.width;
    if (output >= a.kept.count * width) return;
    float sum = 0.f;
    for (u32 s = lane(); s < a.splits; s += WARP) sum += a.partial[(u64)output * a.splits + s];
    sum = warp_sum(sum);
    if (lane() != 0) return;
    u64 at[1];
    locate(a.kept, a.kept_of, output / width, at);
    float* y = (float*)a.kept_of[0].data + at[0] + output % width;
    *y = a.scale * sum + (a.accumulate ? *y : 0.f);
}

// ---- rows ----------------------------------------------------------------------------------------------------------

template <int N> struct RowsOf {
    Space rows;
    Operand o[N];
    i64 along[N]; // distance between neighbours of a row
    float* lengths;
    u32 width;
    i32 wide, alone, unused; // four at a time; a block a row
};
// Which thread of a row's this is, of how many: a warp's, or with `room` a block's.
struct Team {
    u32 thread, threads;
    float* room;
};
DEVICE float team_sum(float x, const Team& t) { return t.room ? block_sum(x, t.room + WARP) : warp_sum(x); }
DEVICE float team_max(float x, const Team& t) { return t.room ? block_max(x, t.room) : warp_max(x); }

// The row of this warp or block: its elements begin at[k] elements behind the first of operand k. False beyond the last row.
template <int N> DEVICE bool take_row(const RowsOf<N>& a, float* room, u32& row, u64 (&at)[N], Team& t) {
    row = a.alone ? blockIdx.x : blockIdx.x * WARPS + warp();
    t = {a.alone ? threadIdx.x : (u32)lane(), a.alone ? blockDim.x : (u32)WARP, a.alone ? room : nullptr};
    if (row >= a.rows.count) return false;
    locate(a.rows, a.o, row, at);
    return true;
}
template <int N> DEVICE float* operand(const RowsOf<N>& a, int k, const u64 (&at)[N]) { return (float*)a.o[k].data + at[k]; }
template <int V, int N> DEVICE i64 pace(const RowsOf<N>& a, int k) { return V > 1 ? V : a.along[k]; }

enum { KEPT = 16 }; // floats that a thread keeps of the row, or of both rows, that it reads twice

template <int V> DEVICE void softmax_row(const RowsOf<2>& a, const u64 (&at)[2], const Team& t) {
    const int KEEP = KEPT / V;
    const float NONE_YET = as_float(0xff800000u); // -infinity
    const float* x = operand(a, 0, at);
    float* y = operand(a, 1, at);
    const i64 from = pace<V>(a, 0), to = pace<V>(a, 1);
    const u32 steps = a.width / V, rest = t.thread + KEEP * t.threads;
    float v[KEEP][V], w[V], top = NONE_YET, sum = 0.f;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        u32 i = t.thread + k * t.threads;
#pragma unroll
        for (int e = 0; e < V; e++) v[k][e] = NONE_YET;
        if (i < steps) read(v[k], x + i * from);
    }
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
#pragma unroll
        for (int e = 0; e < V; e++) top = larger(top, v[k][e]);
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(w, x + i * from);
        for (int e = 0; e < V; e++) top = larger(top, w[e]);
    }
    top = team_max(top, t);
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
#pragma unroll
        for (int e = 0; e < V; e++) v[k][e] = expf(v[k][e] - top);
        if (t.thread + k * t.threads < steps) sum += total(v[k]);
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(w, x + i * from);
        for (int e = 0; e < V; e++) sum += expf(w[e] - top);
    }
    sum = team_sum(sum, t);
    const float share = 1.f / sum;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        u32 i = t.thread + k * t.threads;
#pragma unroll
        for (int e = 0; e < V; e++) v[k][e] *= share;
        if (i < steps) write(y + i * to, v[k]);
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(w, x + i * from);
        for (int e = 0; e < V; e++) w[e] = expf(w[e] - top) * share;
        write(y + i * to, w);
    }
}
KERNEL(MOST_THREADS, 1, softmax, RowsOf<2>) {
    SHARED(float, room, 2 * WARP);
    u32 row;
    u64 at[2];
    Team t;
    if (!take_row(a, room, row, at, t)) return;
    if (a.wide) softmax_row<4>(a, at, t);
    else softmax_row<1>(a, at, t);
}

template <int V> DEVICE void normalize_row(const RowsOf<2>& a, u32 row, const u64 (&at)[2], const Team& t) {
    const int KEEP = KEPT / V;
    const float* x = operand(a, 0, at);
    float* y = operand(a, 1, at);
    const i64 from = pace<V>(a, 0), to = pace<V>(a, 1);
    const u32 steps = a.width / V, rest = t.thread + KEEP * t.threads;
    float v[KEEP][V] = {}, w[V], sum = 0.f;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        u32 i = t.thread + k * t.threads;
        if (i < steps) read(v[k], x + i * from);
    }
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
#pragma unroll
        for (int e = 0; e < V; e++) sum += v[k][e] * v[k][e];
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(w, x + i * from);
        for (int e = 0; e < V; e++) sum += w[e] * w[e];
    }
    const float length = sqrtf(team_sum(sum, t));
    if (t.thread == 0 && a.lengths) a.lengths[row] = length;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        u32 i = t.thread + k * t.threads;
#pragma unroll
        for (int e = 0; e < V; e++) v[k][e] /= length;
        if (i < steps) write(y + i * to, v[k]);
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(w, x + i * from);
        for (int e = 0; e < V; e++) w[e] /= length;
        write(y + i * to, w);
    }
}
KERNEL(MOST_THREADS, 1, normalize, RowsOf<2>) {
    SHARED(float, room, 2 * WARP);
    u32 row;
    u64 at[2];
    Team t;
    if (!take_row(a, room, row, at, t)) return;
    if (a.wide) normalize_row<4>(a, row, at, t);
    else normalize_row<1>(a, row, at, t);
}

// Operands y, dy, dx: dot = dy . y, then softmax's slope y (dy - dot), or with lengths (dy - y dot) / length.
template <int V> DEVICE void slope_row(const RowsOf<3>& a, u32 row, const u64 (&at)[3], const Team& t) {
    const int KEEP = KEPT / 2 / V;
    const float *y = operand(a, 0, at), *dy = operand(a, 1, at);
    float* dx = operand(a, 2, at);
    const i64 of_y = pace<V>(a, 0), of_dy = pace<V>(a, 1), of_dx = pace<V>(a, 2);
    const u32 steps = a.width / V, rest = t.thread + KEEP * t.threads;
    float p[KEEP][V] = {}, d[KEEP][V] = {}, q[V], w[V], dot = 0.f;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        u32 i = t.thread + k * t.threads;
        if (i >= steps) continue;
        read(p[k], y + i * of_y);
        read(d[k], dy + i * of_dy);
    }
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
#pragma unroll
        for (int e = 0; e < V; e++) dot += p[k][e] * d[k][e];
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(q, y + i * of_y);
        read(w, dy + i * of_dy);
        for (int e = 0; e < V; e++) dot += q[e] * w[e];
    }
    dot = team_sum(dot, t);
    const bool unit = a.lengths != nullptr;
    const float length = unit ? a.lengths[row] : 1.f;
#pragma unroll
    for (int k = 0; k < KEEP; k++) {
        u32 i = t.thread + k * t.threads;
#pragma unroll
        for (int e = 0; e < V; e++) d[k][e] = unit ? (d[k][e] - p[k][e] * dot) / length : p[k][e] * (d[k][e] - dot);
        if (i < steps) write(dx + i * of_dx, d[k]);
    }
    for (u32 i = rest; i < steps; i += t.threads) {
        read(q, y + i * of_y);
        read(w, dy + i * of_dy);
        for (int e = 0; e < V; e++) w[e] = unit ? (w[e] - q[e] * dot) / length : q[e] * (w[e] - dot);
        write(dx + i * of_dx, w);
    }
}
KERNEL(MOST_THREADS, 1, row_slope, RowsOf<3>) {
    SHARED(float, room, 2 * WARP);
    u32 row;
    u64 at[3];
    Team t;
    if (!take_row(a, room, row, at, t)) return;
    if (a.wide) slope_row<4>(a, row, at, t);
    else slope_row<1>(a, row, at, t);
}
