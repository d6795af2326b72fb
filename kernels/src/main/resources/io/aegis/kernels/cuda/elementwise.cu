// elementwise.cu: pointwise work on float32, copies between layouts and dtypes, dropout, rows by number.
//
// Maths    y = a op b | scale x + shift | y + scale x | f(x) | dy f'(x) | silu(gate) up and its two gradients |
//          x mask / (1 - p) | x as another dtype | y[i] = x[index[i]] | x[index[i]] += y[i]
// Shapes   any; a launch walks the Space of its operands, merged and sorted on the host, so that the innermost dimension is
//          the one along which the destination is dense. A step is four float32 (16 bytes) where every operand allows it.
// Threads  256 a block; a thread takes 16 bytes of each operand, loads all before it stores the first, and is done: with 32
//          registers a multiprocessor has 32 KB an operand on their way. A destination may be a source of the same layout.
// Shared   transpose: one tile of 32 x 33 elements; scatter_add: two lists of 256 numbers.
// Barriers transpose: tile written | read. scatter_add: the list of a round complete | used up.
#include "slopes.cuh"

enum { THREADS = 256 };

// ---- pointwise float32 ---------------------------------------------------------------------------------------------

// The neighbours of one step; `valid` of them exist. An operand that stands still gives each the same element.
template <class T, int V> DEVICE void load(float (&x)[V], const Operand& o, u64 at, u32 valid = V) {
    const T* p = (const T*)o.data + at;
    bool moves = V > 1 && o.step[0] != 0;
    if constexpr (V == 4) {
        if (moves && valid == V) return load4(x, p);
    }
#pragma unroll
    for (int k = 0; k < V; k++) x[k] = k < (int)valid ? to_float(p[moves ? k : 0]) : 0.f;
}
template <class T, int V> DEVICE void store(const float (&y)[V], const Operand& o, u64 at, u32 valid = V) {
    T* p = (T*)o.data + at;
    if constexpr (V == 4) {
        if (valid == V) return store4(y, p);
    }
#pragma unroll
    for (int k = 0; k < V; k++) {
        if (k < (int)valid) from_float(y[k], p[k]);
    }
}

// f(x, y) makes the OUT results y from the IN sources x, four elements of each at once: those of one wide step, or of four
// narrow steps that lie THREADS apart. Operands are the sources, then the results; a result may be null.
enum { FOUR = 4 };
template <int IN, int OUT, class F> DEVICE void pointwise(const Space& s, const Operand (&o)[IN + OUT], F f) {
    bool wide = s.width == FOUR;
    u32 n = blockIdx.x * (wide ? THREADS : THREADS * FOUR) + threadIdx.x;
    u32 valid = n + 1 == s.count ? s.tail : FOUR;
    float x[IN][FOUR] = {}, y[OUT][FOUR];
    u64 at[FOUR][IN + OUT];
    if (wide && n < s.count) {
        locate(s, o, n, at[0]);
#pragma unroll
        for (int k = 0; k < IN; k++) load<float>(x[k], o[k], at[0][k], valid);
    }
#pragma unroll
    for (int e = 0; e < FOUR; e++) {
        if (wide || n + e * THREADS >= s.count) continue;
        locate(s, o, n + e * THREADS, at[e]);
#pragma unroll
        for (int k = 0; k < IN; k++) x[k][e] = ((const float*)o[k].data)[at[e][k]];
    }
    f(x, y);
#pragma unroll
    for (int k = 0; k < OUT; k++) {
        if (o[IN + k].data == nullptr) continue;
        if (wide && n < s.count) store<float>(y[k], o[IN + k], at[0][IN + k], valid);
#pragma unroll
        for (int e = 0; e < FOUR; e++) {
            if (!wide && n + e * THREADS < s.count) ((float*)o[IN + k].data)[at[e][IN + k]] = y[k][e];
        }
    }
}
template <int V, class F> DEVICE void each(float (&y)[V], const float (&x)[V], F f) {
#pragma unroll
    for (int k = 0; k < V; k++) y[k] = f(x[k]);
}
template <int V, class F> DEVICE void each(float (&y)[V], const float (&a)[V], const float (&b)[V], F f) {
#pragma unroll
    for (int k = 0; k < V; k++) y[k] = f(a[k], b[k]);
}

template <int N> struct Pointwise {
    Space space;
    Operand o[N];
    float scale, shift;
    i32 function, unused;
};

// In the order of Elementwise.Binary.
enum { ADD, SUBTRACT, MULTIPLY, DIVIDE };
KERNEL(THREADS, 4, binary, Pointwise<3>) {
    pointwise<2, 1>(a.space, a.o, [&](const float (&x)[2][FOUR], float (&y)[1][FOUR]) {
        switch (a.function) {
            case ADD: each(y[0], x[0], x[1], [](float u, float v) { return u + v; }); break;
            case SUBTRACT: each(y[0], x[0], x[1], [](float u, float v) { return u - v; }); break;
            case MULTIPLY: each(y[0], x[0], x[1], [](float u, float v) { return u * v; }); break;
            default: each(y[0], x[0], x[1], [](float u, float v) { return u / v; }); break;
        }
    });
}

// Several calls of one kind in one launch, a job a grid y; they do not touch each other.
enum { JOBS = 8 };
template <class Call> struct Several {
    Call jobs[JOBS];
};
KERNEL(THREADS, 4, sums, Several<Pointwise<3>>) {
    const Pointwise<3>& job = a.jobs[blockIdx.y];
    pointwise<2, 1>(job.space, job.o, [&](const float (&x)[2][FOUR], float (&y)[1][FOUR]) {
        each(y[0], x[0], x[1], [](float u, float v) { return u + v; });
    });
}

KERNEL(THREADS, 4, affine, Pointwise<2>) {
    pointwise<1, 1>(a.space, a.o, [&](const float (&x)[1][FOUR], float (&y)[1][FOUR]) {
        each(y[0], x[0], [&](float v) { return fmaf(a.scale, v, a.shift); });
    });
}

// Operands x, y, y.
KERNEL(THREADS, 4, add_scaled, Pointwise<3>) {
    pointwise<2, 1>(a.space, a.o, [&](const float (&x)[2][FOUR], float (&y)[1][FOUR]) {
        each(y[0], x[0], x[1], [&](float u, float v) { return fmaf(a.scale, u, v); });
    });
}

KERNEL(THREADS, 4, activation, Pointwise<2>) {
    pointwise<1, 1>(a.space, a.o, [&](const float (&x)[1][FOUR], float (&y)[1][FOUR]) {
        each(y[0], x[0], [&](float v) { return activate(a.function, v); });
    });
}

// Operands x, dy, dx.
KERNEL(THREADS, 4, activation_backward, Pointwise<3>) {
    pointwise<2, 1>(a.space, a.o, [&](const float (&x)[2][FOUR], float (&y)[1][FOUR]) {
        each(y[0], x[0], x[1], [&](float v, float d) { return d * slope(a.function, v); });
    });
}

// Operands gate, up, y.
KERNEL(THREADS, 4, silu_gate, Pointwise<3>) {
    pointwise<2, 1>(a.space, a.o, [&](const float (&x)[2][FOUR], float (&y)[1][FOUR]) {
        each(y[0], x[0], x[1], [](float g, float u) { return activate(SILU, g) * u; });
    });
}

// Operands gate, up, dy, dgate, dup; either of the last two may be null.
KERNEL(THREADS, 4, silu_gate_backward, Pointwise<5>) {
    pointwise<3, 2>(a.space, a.o, [&](const float (&x)[3][FOUR], float (&y)[2][FOUR]) {
        each(y[0], x[0], x[1], [](float g, float u) { return u * gate_slope(g, 1.f); });
        each(y[0], y[0], x[2], [](float s, float d) { return s * d; });
        each(y[1], x[0], x[2], [](float g, float d) { return activate(SILU, g) * d; });
    });
}

// ---- dropout -------------------------------------------------------------------------------------------------------

// Rows of samples, in row-major order. Element e of sample b is dropped when the upper 24 of its 32 random bits are below
// `threshold`; four elements share one block of Philox words.
struct Dropout {
    Space space;
    Operand o[2];
    const i64* samples;
    i64 samples_step;
    const i64* step;
    u64 seed;
    u32 row_steps, threshold;
    u32 site;
    float scale;
};
template <int V> DEVICE void dropout_steps(const Dropout& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u64 at[2];
    u32 row = locate(a.space, a.o, n, at);
    u32 element = (n - row * a.row_steps) * V;
    u32 word[4] = {(u32)*a.step, (u32)a.samples[row * a.samples_step], a.site, element / 4};
    philox(a.seed, word);
    float x[V], y[V];
    load<float>(x, a.o[0], at[0]);
#pragma unroll
    for (int k = 0; k < V; k++) {
        u32 place = V == 4 ? k : element % 4;
        u32 bits = place == 0 ? word[0] : place == 1 ? word[1] : place == 2 ? word[2] : word[3];
        y[k] = bits >> 8 < a.threshold ? 0.f : x[k] * a.scale;
    }
    store<float>(y, a.o[1], at[1]);
}
KERNEL(THREADS, 2, dropout, Dropout) {
    if (a.space.width == 4) dropout_steps<4>(a);
    else dropout_steps<1>(a);
}

// ---- copies --------------------------------------------------------------------------------------------------------

// Bits as they are, in units of 1 to 16 bytes; a step of the space is one unit.
struct Move {
    Space space;
    Operand o[2];
};
template <class T> DEVICE void move(const Move& a) {
    const int ROUNDS = sizeof(T) < 8 ? 4 : 16 / sizeof(T); // as many bytes of a thread on their way as 4 or 16 allow
    u32 first = blockIdx.x * (THREADS * ROUNDS) + threadIdx.x;
    T x[ROUNDS];
    u64 at[ROUNDS][2];
#pragma unroll
    for (int r = 0; r < ROUNDS; r++) {
        u32 n = first + r * THREADS;
        if (n >= a.space.count) continue;
        locate(a.space, a.o, n, at[r]);
        x[r] = ((const T*)a.o[0].data)[at[r][0]];
    }
#pragma unroll
    for (int r = 0; r < ROUNDS; r++) {
        if (first + r * THREADS < a.space.count) ((T*)a.o[1].data)[at[r][1]] = x[r];
    }
}
KERNEL(THREADS, 2, move1, Move) { move<u8>(a); }
KERNEL(THREADS, 2, move2, Move) { move<u16>(a); }
KERNEL(THREADS, 2, move4, Move) { move<u32>(a); }
KERNEL(THREADS, 2, move8, Move) { move<u64>(a); }
KERNEL(THREADS, 2, move16, Move) { move<Word4>(a); }

KERNEL(THREADS, 2, moves4, Several<Move>) { move<u32>(a.jobs[blockIdx.y]); }
KERNEL(THREADS, 2, moves16, Several<Move>) { move<Word4>(a.jobs[blockIdx.y]); }

// One pattern everywhere.
struct Fill {
    Space space;
    Operand o[1];
    Word4 pattern;
};
template <class T> DEVICE void fill(const Fill& a, T pattern) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u64 at[1];
    locate(a.space, a.o, n, at);
    ((T*)a.o[0].data)[at[0]] = pattern;
}
KERNEL(THREADS, 2, fill1, Fill) { fill<u8>(a, (u8)a.pattern.x); }
KERNEL(THREADS, 2, fill2, Fill) { fill<u16>(a, (u16)a.pattern.x); }
KERNEL(THREADS, 2, fill4, Fill) { fill<u32>(a, a.pattern.x); }
KERNEL(THREADS, 2, fill8, Fill) { fill<u64>(a, (u64)a.pattern.y << 32 | a.pattern.x); }
KERNEL(THREADS, 2, fill16, Fill) { fill<Word4>(a, a.pattern); }

// y[b, j, i] = x[b, i, j], bits as they are: along i the destination is dense, along j the source. A block moves 32 x 32
// elements through shared memory, so that both sides see whole rows; the batch b is the space.
struct Transpose {
    Space space;
    Operand o[2];
    u32 rows, columns;           // sizes of i and j
    u32 tiles_i, tiles_j;
    i64 source_step, target_step; // from i to i + 1 in x, from j to j + 1 in y
};
template <class T> DEVICE void transpose(const Transpose& a) {
    const int SIDE = 32, STRIPES = THREADS / SIDE;
    SHARED(T, tile, SIDE * (SIDE + 1));
    u32 per = a.tiles_i * a.tiles_j, batch = blockIdx.x / per, in = blockIdx.x % per;
    u32 i0 = in / a.tiles_j * SIDE, j0 = in % a.tiles_j * SIDE;
    u64 at[2];
    locate(a.space, a.o, batch, at);
    const T* x = (const T*)a.o[0].data + at[0];
    T* y = (T*)a.o[1].data + at[1];
    u32 across = threadIdx.x % SIDE, down = threadIdx.x / SIDE;
#pragma unroll
    for (int k = 0; k < SIDE; k += STRIPES) {
        u32 i = i0 + down + k, j = j0 + across;
        if (i < a.rows && j < a.columns) tile[(down + k) * (SIDE + 1) + across] = x[i * a.source_step + j];
    }
    barrier();
#pragma unroll
    for (int k = 0; k < SIDE; k += STRIPES) {
        u32 i = i0 + across, j = j0 + down + k;
        if (i < a.rows && j < a.columns) y[j * a.target_step + i] = tile[across * (SIDE + 1) + down + k];
    }
}
KERNEL(THREADS, 4, transpose1, Transpose) { transpose<u8>(a); }
KERNEL(THREADS, 4, transpose2, Transpose) { transpose<u16>(a); }
KERNEL(THREADS, 4, transpose4, Transpose) { transpose<u32>(a); }
KERNEL(THREADS, 4, transpose8, Transpose) { transpose<u64>(a); }

// Between dtypes. In the order of DType.
enum { F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL };
struct Convert {
    Space space;
    Operand o[2];
    i32 from, to;
};

template <int V> DEVICE void convert_floats(const Convert& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u32 valid = V > 1 && n + 1 == a.space.count ? a.space.tail : V;
    float x[V];
    u64 at[2];
    locate(a.space, a.o, n, at);
    if (a.from == F32) load<float>(x, a.o[0], at[0], valid);
    else if (a.from == BF16) load<bf16>(x, a.o[0], at[0], valid);
    else load<f16>(x, a.o[0], at[0], valid);
    if (a.to == F32) store<float>(x, a.o[1], at[1], valid);
    else if (a.to == BF16) store<bf16>(x, a.o[1], at[1], valid);
    else store<f16>(x, a.o[1], at[1], valid);
}
KERNEL(THREADS, 2, convert, Convert) {
    if (a.space.width == 4) convert_floats<4>(a);
    else convert_floats<1>(a);
}

// Any to any, as View.java reads and writes single elements: by way of i64 between integers, of double otherwise; integers
// are cut towards zero, to their own range or to their low bits.
DEVICE i64 read_integer(const u8* p, i32 dtype) {
    switch (dtype) {
        case I64: return *(const i64*)p;
        case I32: return *(const i32*)p;
        case I16: return *(const i16*)p;
        case I8: return *(const i8*)p;
        default: return *p;
    }
}
DEVICE double read_number(const u8* p, i32 dtype) {
    switch (dtype) {
        case F64: return *(const double*)p;
        case F32: return *(const float*)p;
        case F16: return to_float(*(const f16*)p);
        case BF16: return to_float(*(const bf16*)p);
        default: return (double)read_integer(p, dtype);
    }
}
DEVICE void write_integer(u8* p, i32 dtype, i64 v) {
    switch (dtype) {
        case I64: *(i64*)p = v; break;
        case I32: *(i32*)p = (i32)v; break;
        case I16: *(i16*)p = (i16)v; break;
        case BOOL: *p = v != 0; break;
        default: *p = (u8)v; break;
    }
}
// To -2^(bits-1) ... 2^(bits-1) - 1.
template <int BITS> DEVICE i64 cut(double v) {
    const i64 TOP = (i64)((1ull << (BITS - 1)) - 1);
    const double END = (double)(1ull << (BITS - 1));
    if (v != v) return 0;
    return v >= END ? TOP : v < -END ? -TOP - 1 : (i64)v;
}
DEVICE void write_number(u8* p, i32 dtype, double v) {
    switch (dtype) {
        case F64: *(double*)p = v; break;
        case F32: *(float*)p = (float)v; break;
        case F16: from_float((float)v, *(f16*)p); break;
        case BF16: from_float((float)v, *(bf16*)p); break;
        case BOOL: *p = v != 0; break;
        case I32: case I16: write_integer(p, dtype, cut<32>(v)); break;
        default: write_integer(p, dtype, cut<64>(v)); break;
    }
}
DEVICE int bytes_of(i32 dtype) {
    return dtype == F64 || dtype == I64 ? 8 : dtype == F32 || dtype == I32 ? 4 : dtype == I8 || dtype >= U8 ? 1 : 2;
}
KERNEL(THREADS, 2, convert_any, Convert) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u64 at[2];
    locate(a.space, a.o, n, at);
    const u8* x = a.o[0].data + at[0] * bytes_of(a.from);
    u8* y = a.o[1].data + at[1] * bytes_of(a.to);
    if (a.from >= I64 && a.to >= I64) write_integer(y, a.to, read_integer(x, a.from));
    else write_number(y, a.to, read_number(x, a.from));
}

// ---- rows by number ------------------------------------------------------------------------------------------------

// y[i] = x[index[i]], bits as they are; the outermost dimension of the space is i, along which x stands still. A number
// that no row has gives ones in all bits, which are not a number in any floating dtype.
struct Gather {
    Space space;
    Operand o[2];
    const i64* index;
    i64 index_step;
    i64 rows, row_step; // of x; in units
};
template <class T> DEVICE T ones(T) { return (T)~(T)0; }
DEVICE Word4 ones(Word4) { return {~0u, ~0u, ~0u, ~0u}; }
template <class T> DEVICE void gather(const Gather& a) {
    u32 n = blockIdx.x * THREADS + threadIdx.x;
    if (n >= a.space.count) return;
    u64 at[2];
    u32 i = locate(a.space, a.o, n, at);
    i64 row = a.index[i * a.index_step];
    bool exists = (u64)row < (u64)a.rows;
    ((T*)a.o[1].data)[at[1]] = exists ? ((const T*)a.o[0].data)[at[0] + row * a.row_step] : ones(T());
}
KERNEL(THREADS, 4, gather1, Gather) { gather<u8>(a); }
KERNEL(THREADS, 4, gather2, Gather) { gather<u16>(a); }
KERNEL(THREADS, 4, gather4, Gather) { gather<u32>(a); }
KERNEL(THREADS, 4, gather8, Gather) { gather<u64>(a); }
KERNEL(THREADS, 4, gather16, Gather) { gather<Word4>(a); }

// x[index[i]] += y[i]. Three launches make a list of the i of each row of x, in any order; the fourth gives a block each
// row that occurs, and 256 steps of its columns, brings the list into ascending order and adds: so the sum does not depend
// on timing. Lists of more than 256 are not sorted but found again, in order, by looking through the index.
struct Scatter {
    const i64* index;
    i64 index_step;
    u32 n, rows;
    u32* counts; // [rows], then the end of the lists; all 0 at first
    u32* starts; // [rows]
    u32* slots;  // [n], place of i in its row's list, or NOWHERE
    u32* lists;  // [n]
    Space columns;
    Operand o[2]; // y, x
    i64 y_step, x_step; // from row to row
};
enum : u32 { NOWHERE = ~0u };
DEVICE bool row_of(const Scatter& a, u32 i, u32& row) {
    i64 r = a.index[i * a.index_step];
    row = (u32)r;
    return (u64)r < (u64)a.rows;
}
KERNEL(THREADS, 4, scatter_count, Scatter) {
    u32 i = blockIdx.x * THREADS + threadIdx.x, row;
    if (i < a.n) a.slots[i] = row_of(a, i, row) ? atomic_add(&a.counts[row], 1u) : NOWHERE;
}
KERNEL(THREADS, 4, scatter_place, Scatter) {
    u32 i = blockIdx.x * THREADS + threadIdx.x, row;
    if (i < a.n && a.slots[i] == 0 && row_of(a, i, row)) a.starts[row] = atomic_add(&a.counts[a.rows], a.counts[row]);
}
KERNEL(THREADS, 4, scatter_list, Scatter) {
    u32 i = blockIdx.x * THREADS + threadIdx.x, row;
    if (i < a.n && row_of(a, i, row)) a.lists[a.starts[row] + a.slots[i]] = i;
}

template <int V> DEVICE void add_rows(float (&sum)[V], const Scatter& a, u64 column, const u32* list, u32 count) {
    const int AHEAD = 8;
    for (u32 k = 0; k < count; k += AHEAD) {
        float y[AHEAD][V];
#pragma unroll
        for (int j = 0; j < AHEAD; j++) {
            if (k + j < count) load<float>(y[j], a.o[0], list[k + j] * a.y_step + column);
        }
#pragma unroll
        for (int j = 0; j < AHEAD; j++) {
            if (k + j < count) each(sum, sum, y[j], [](float u, float v) { return u + v; });
        }
    }
}
// Numbers of a row's list in ascending order and how many: all of a short list, or those among 256 from `first` on.
DEVICE u32 sort(const Scatter& a, u32 row, u32 count, u32* sorted, u32* room) {
    u32 own = threadIdx.x < count ? a.lists[a.starts[row] + threadIdx.x] : 0, before = 0;
    room[threadIdx.x] = own;
    barrier();
    if (threadIdx.x < count) {
        for (u32 k = 0; k < count; k++) before += room[k] < own;
        sorted[before] = own;
    }
    return count;
}
DEVICE u32 find(const Scatter& a, u32 row, u32 first, u32* sorted, u32* room) {
    u32 other, i = first + threadIdx.x;
    bool hit = i < a.n && row_of(a, i, other) && other == row;
    u32 hits = votes(hit);
    if (lane() == 0) room[warp()] = count_bits(hits);
    barrier();
    u32 before = count_bits(hits & ((1u << lane()) - 1)), all = 0;
    for (int w = 0; w < THREADS / WARP; w++) {
        before += w < warp() ? room[w] : 0;
        all += room[w];
    }
    if (hit) sorted[before] = i;
    return all;
}
template <int V> DEVICE void scatter_columns(const Scatter& a, u32 row, u32* sorted, u32* room) {
    u32 column = blockIdx.y * THREADS + threadIdx.x, count = a.counts[row];
    bool mine = column < a.columns.count, brief = count <= THREADS;
    u64 at[2];
    float sum[V];
    if (mine) {
        locate(a.columns, a.o, column, at);
        at[1] += row * a.x_step;
        load<float>(sum, a.o[1], at[1]);
    }
    for (u32 first = 0; first < (brief ? 1 : a.n); first += THREADS) {
        u32 found = brief ? sort(a, row, count, sorted, room) : find(a, row, first, sorted, room);
        barrier();
        if (mine) add_rows(sum, a, at[0], sorted, found);
        barrier();
    }
    if (mine) store<float>(sum, a.o[1], at[1]);
}
KERNEL(THREADS, 2, scatter_add, Scatter) {
    SHARED(u32, sorted, THREADS);
    SHARED(u32, room, THREADS);
    u32 row;
    if (a.slots[blockIdx.x] != 0 || !row_of(a, blockIdx.x, row)) return;
    if (a.columns.width == 4) scatter_columns<4>(a, row, sorted, room);
    else scatter_columns<1>(a, row, sorted, room);
}
