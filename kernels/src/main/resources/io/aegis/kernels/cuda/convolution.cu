// convolution.cu: dense two-dimensional convolutions as matrix products whose operand is gathered on the fly (implicit GEMM).
//
//   forward   y[m, o]     = bias[o] + sum over tap, c of x[pixel(m, tap), c] w[o, tap, c]
//   input     dx[m, c]    = sum over tap, o of dy[pixel(m, tap), o] w[o, tap, c]
//   weight    dw[o,tap,c] = sum over m of dy[m, o] x[pixel(m, tap), c]
// m = (b, i, j) numbers the pixels of the result (of dy for weight); pixel(m, tap) is (b, s i + u - p, s j + v - p) forwards, and
// (b, (i + p - u) / s, (j + p - v) / s) for the gradient of the input, where s divides both; outside the picture it reads zeros.
//
// Shapes   x, dy  pixels of C elements (C a multiple of a word, zeros behind the true channels), strided, each 16-byte aligned;
//          w [O, taps, C] dense; y, dx, dw float32 with any strides; bias float32
// Element  EXACT: float32 and plain multiply-adds. Otherwise ELEMENT bf16 or f16 on the matrix units, sums in float32.
// Tile     64 x 64, 4 warps of 32 x 32; ELEMENT also 128 x 128, 8 warps of 64 x 32; 128 bytes deep (64 or 32 elements)
// Shared   STAGES x (A, B): 3 x 16 KB, large tiles 3 x 32 KB. An operand lies there as it does in global memory, in rows of 16-byte
//          words: along the sum where it is dense (A, B forward; A for input), along the result where that is dense (B for
//          input, both for weight; read transposed). Words of a row are permuted so that neither copies nor reads conflict.
// Splits   grid z divides the sum where tiles are few. Parts go to scratch, and the block of a tile that is done last (a ticket)
//          adds them in the order of z: the same bits each time.
// Barriers one a step: the step's words have arrived for all, and all are done with the stage that is filled next.
//
// Layers   grid y: layers of one shape side by side, each with weights of its own and as many pictures (layers.cuh)
// Behind   a forward sum takes, channel by channel, bias, batch norm with given statistics and activation, then a factor of another
//          map: what would be two more passes over y. It goes by way of shared memory, where the stages were: [M][N + 4] sums and
//          four numbers a column; two barriers.
// Moments  or, for a batch norm of the batch's own statistics, mean and variance of each column by the way (moments.cuh), from the sums
//          that lie there; four barriers more. For another forward kernel the place is the same: where a tile's results are at hand.
//
// pack copies any float32, bf16 or f16 view [.., C] to such pixels, and at once sums it over pixels (a bias's gradient).
#include "activations.cuh"
#include "layers.cuh"
#include "moments.cuh"

#ifdef EXACT
typedef float E;
#else
typedef ELEMENT E;
#endif

enum {
    WORD = 16 / (int)sizeof(E),  // elements of 16 bytes
    DEEP = 8 * WORD,             // of the sum, a step
    STAGES = 3,
    SMALL = 64,
    LARGE = 128,
};

// Where word `word` of row `row` lies in a tile whose rows are `pitch` bytes.
DEVICE const u8* cell(const u8* tile, int pitch, int row, int word) {
#ifdef EXACT
    return tile + row * pitch + (word ^ (row >> 2 & 7)) * 16; // a warp reads rows 4 apart, or neighbouring words
#else
    return tile + row * pitch + (word ^ (row & 7)) * 16; // 8 lanes read neighbouring rows
#endif
}

// ---- A tile's product

// WM x WN warps, together M x N elements.
template <int M, int N, int WM, int WN> struct Tile {
    enum {
        THREADS = WM * WN * WARP,
        ROWS = M / WM, // of a warp
        COLUMNS = N / WN,
        QUADS = M * N / 4 / THREADS, // groups of 4 sums of a thread
        BYTES = (M + N) * 128        // of a stage
    };
    float sum[QUADS][4];
};

DEVICE float element(const Word4& w, int k) { return as_float(k == 0 ? w.x : k == 1 ? w.y : k == 2 ? w.z : w.w); }

#ifdef EXACT
// A lane has 8 neighbouring rows (lane / 8) and 4 neighbouring columns (lane % 8); quad i is row i.
template <bool TA, bool TB, int M, int N, int WM, int WN>
DEVICE void multiply(Tile<M, N, WM, WN>& t, const u8* a, const u8* b) {
    const int row = warp() / WN * t.ROWS + lane() / 8 * 8, column = warp() % WN * t.COLUMNS + lane() % 8 * 4;
    #pragma unroll 1
    for (int word = 0; word < DEEP / 4; word++) {
        Word4 x[8], y[4]; // not transposed: a row's (column's) 4 elements along the sum; transposed: 4 rows' at one place of it
        #pragma unroll
        for (int i = 0; i < 8; i++) {
            x[i] = TA ? load16(cell(a, M * 4, 4 * word + i / 2, row / 4 + i % 2)) : load16(cell(a, 128, row + i, word));
        }
        #pragma unroll
        for (int j = 0; j < 4; j++) {
            y[j] = TB ? load16(cell(b, N * 4, 4 * word + j, column / 4)) : load16(cell(b, 128, column + j, word));
        }
        #pragma unroll
        for (int k = 0; k < 4; k++) {
            #pragma unroll
            for (int i = 0; i < 8; i++) {
                float left = TA ? element(x[2 * k + i / 4], i % 4) : element(x[i], k);
                #pragma unroll
                for (int j = 0; j < 4; j++) {
                    float right = TB ? element(y[k], j) : element(y[j], k);
                    t.sum[i][j] = fmaf(left, right, t.sum[i][j]);
                }
            }
        }
    }
}
// Calls emit(row, column, 4 neighbouring sums) for all of this thread's.
template <int M, int N, int WM, int WN, class Emit> DEVICE void each_quad(Tile<M, N, WM, WN>& t, Emit emit) {
    const int row = warp() / WN * t.ROWS + lane() / 8 * 8, column = warp() % WN * t.COLUMNS + lane() % 8 * 4;
    #pragma unroll
    for (int i = 0; i < 8; i++) emit(row + i, column, t.sum[i]);
}
#else
// Quad (i, j), number i COLUMNS / 8 + j, is the fragment of rows 16 i and columns 8 j of the warp's part.
template <bool TA, bool TB, int M, int N, int WM, int WN>
DEVICE void multiply(Tile<M, N, WM, WN>& t, const u8* a, const u8* b) {
    enum { DOWN = Tile<M, N, WM, WN>::ROWS / 16, ACROSS = Tile<M, N, WM, WN>::COLUMNS / 8 };
    const int row = warp() / WN * t.ROWS, column = warp() % WN * t.COLUMNS;
    const int low = lane() % 8, bit3 = lane() / 8 % 2, bit4 = lane() / 16;
    #pragma unroll
    for (int k = 0; k < DEEP; k += 16) {
        u32 x[DOWN][4], y[ACROSS / 2][4];
        #pragma unroll
        for (int i = 0; i < DOWN; i++) {
            if (TA) load_matrices_transposed(x[i], cell(a, M * 2, k + 8 * bit4 + low, (row + 16 * i) / 8 + bit3));
            else load_matrices(x[i], cell(a, 128, row + 16 * i + 8 * bit3 + low, k / 8 + bit4));
        }
        #pragma unroll
        for (int j = 0; j < ACROSS / 2; j++) {
            if (TB) load_matrices_transposed(y[j], cell(b, N * 2, k + 8 * bit3 + low, (column + 16 * j) / 8 + bit4));
            else load_matrices(y[j], cell(b, 128, column + 16 * j + 8 * bit4 + low, k / 8 + bit3));
        }
        #pragma unroll
        for (int i = 0; i < DOWN; i++) {
            #pragma unroll
            for (int j = 0; j < ACROSS; j++) multiply_add(t.sum[i * ACROSS + j], x[i], y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1], E());
        }
    }
}
// A lane has two columns of two rows; neighbours exchange so that each has four columns of one.
template <int M, int N, int WM, int WN, class Emit> DEVICE void each_quad(Tile<M, N, WM, WN>& t, Emit emit) {
    enum { DOWN = Tile<M, N, WM, WN>::ROWS / 16, ACROSS = Tile<M, N, WM, WN>::COLUMNS / 8 };
    const bool odd = lane() % 2 == 1;
    const int row = warp() / WN * t.ROWS + lane() / 4 + (odd ? 8 : 0), column = warp() % WN * t.COLUMNS + lane() % 4 / 2 * 4;
    #pragma unroll
    for (int i = 0; i < DOWN; i++) {
        #pragma unroll
        for (int j = 0; j < ACROSS; j++) {
            float(&d)[4] = t.sum[i * ACROSS + j];
            float p = shuffle_xor(odd ? d[0] : d[2], 1), q = shuffle_xor(odd ? d[1] : d[3], 1);
            float v[4] = {odd ? p : d[0], odd ? q : d[1], odd ? d[2] : p, odd ? d[3] : q};
            emit(row + 16 * i, column + 8 * j, v);
        }
    }
}
#endif

template <int M, int N, int WM, int WN> DEVICE void clear(Tile<M, N, WM, WN>& t) {
    #pragma unroll
    for (int i = 0; i < t.QUADS; i++) t.sum[i][0] = t.sum[i][1] = t.sum[i][2] = t.sum[i][3] = 0.f;
}

// What is left to do when the sum was divided: true for the block that holds the whole of it.
template <int M, int N, int WM, int WN>
DEVICE bool whole(Tile<M, N, WM, WN>& t, int tile, int tiles, float* partial, u32* tickets, u32* last) {
    if (gridDim.z == 1) return true;
    float* mine = partial + 4 * threadIdx.x;
    #pragma unroll
    for (int i = 0; i < t.QUADS; i++) {
        store16(mine + (((i64)blockIdx.z * tiles + tile) * t.QUADS + i) * t.THREADS * 4,
                Word4{as_bits(t.sum[i][0]), as_bits(t.sum[i][1]), as_bits(t.sum[i][2]), as_bits(t.sum[i][3])});
    }
    fence();
    barrier();
    if (threadIdx.x == 0) *last = atomic_add(tickets + tile, 1u) == gridDim.z - 1;
    barrier();
    if (!*last) return false;
    fence();
    if (threadIdx.x == 0) tickets[tile] = 0u;
    clear(t);
    for (int z = 0; z < (int)gridDim.z; z++) {
        #pragma unroll
        for (int i = 0; i < t.QUADS; i++) {
            Word4 w = load16(mine + (((i64)z * tiles + tile) * t.QUADS + i) * t.THREADS * 4);
            #pragma unroll
            for (int k = 0; k < 4; k++) t.sum[i][k] += element(w, k);
        }
    }
    return true;
}

// Four neighbours in a strided result.
DEVICE void put(float* to, i64 step, bool wide, int left, const float (&v)[4]) {
    if (wide) {
        if (left > 0) store16(to, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
    } else {
        #pragma unroll
        for (int k = 0; k < 4; k++) {
            if (k < left) to[k * step] = v[k];
        }
    }
}

// ---- The gathered operand

struct Picture {
    const u8* data;
    i64 batch;                      // elements from picture to picture
    i32 line, pixel;                // from line to line, from pixel to pixel
    i32 height, width, channels;
    i32 times, sign, shift;         // result line i and tap u meet at (times i + sign u + shift) / over
    Divisor over, per_picture, per_line; // the latter two: pixels of the result
};

// Where a result's pixel meets the picture, before the tap moves it: line and column times `over`, and, when that is 1, the
// offset of the pixel there. Its picture is counted from the layer's `first`.
struct Place { i64 offset; i32 line, column; };
DEVICE Place place_of(const Picture& p, int first, int m, bool inside) {
    u32 b = quotient((u32)m, p.per_picture), rest = (u32)m - b * p.per_picture.by, i = quotient(rest, p.per_line);
    Place at;
    at.line = (i32)i * p.times + p.shift;
    at.column = (i32)(rest - i * p.per_line.by) * p.times + p.shift;
    at.offset = (i64)(first + (i32)b) * p.batch;
    if (p.over.by == 1) at.offset += (i64)at.line * p.line + (i64)at.column * p.pixel;
    if (!inside) at.line = -(1 << 30); // far outside whatever the tap
    return at;
}
// How a tap moves places, and the channel: the same for every place.
struct Move { i64 offset; i32 line, column, channel; bool inside; };
DEVICE Move move_of(const Picture& p, int u, int v, int c, bool inside) {
    Move m;
    m.line = p.sign * u;
    m.column = p.sign * v;
    m.channel = c;
    m.offset = (i64)m.line * p.line + (i64)m.column * p.pixel + c;
    m.inside = inside;
    return m;
}
// Copies the word at the channel of the pixel that a tap moves a place to; zeros when it is outside.
DEVICE void gather(const u8* to, const Picture& p, const Place& at, const Move& by) {
    i32 line = at.line + by.line, column = at.column + by.column;
    i64 offset = at.offset + by.offset;
    bool inside = by.inside;
    if (p.over.by > 1) {
        i32 l = (i32)quotient((u32)line, p.over), k = (i32)quotient((u32)column, p.over);
        inside = inside && line >= 0 && column >= 0 && l * (i32)p.over.by == line && k * (i32)p.over.by == column;
        line = l;
        column = k;
        offset = at.offset + (i64)line * p.line + (i64)column * p.pixel + by.channel;
    }
    inside = inside && (u32)line < (u32)p.height && (u32)column < (u32)p.width;
    copy_async16((void*)to, p.data + (inside ? offset * (i64)sizeof(E) : 0), inside ? 16 : 0);
}

// ---- Forward, and the gradient of the input

struct Layer {
    const u8* weight;
    const float* bias;              // null: none
    Channels norm;
};
struct Convolve {
    Picture x;
    Layer layers[LAYERS];
    float* y;
    i64 out[4];                     // strides of y [B, H, W, N]
    const float* times;             // null: none
    i64 times_out[4];               // its strides
    float* partial;                 // [splits][layers tiles][QUADS][THREADS] words, when the sum is divided
    u32* tickets;
    BatchMoments moments;           // of y, forward
    i32 rows, columns, depth;       // of a layer's product; depth = taps x.channels
    i32 outputs, inner;             // true O, and the weight's padded C
    i32 wide, times_wide;           // whether y, and `times`, are in words
    i32 pictures;                   // of a layer
    i32 behind, activation;         // whether anything but a bias follows
    float eps;
    i32 unused;
    Divisor per_tap, kernel_width, across; // x.channels; kw; tiles across
};

// A sum's place in y or beside it.
DEVICE i64 pixel_of(const Convolve& a, const i64 (&strides)[4], int m) {
    u32 b = quotient((u32)m, a.x.per_picture), rest = (u32)m - b * a.x.per_picture.by, i = quotient(rest, a.x.per_line);
    return ((i64)blockIdx.y * a.pictures + b) * strides[0] + i * strides[1] + (rest - i * a.x.per_line.by) * strides[2];
}

// Mean and variance of a tile's columns, with their biases; what lies behind its last row are not values of y.
template <int M, int N, int THREADS>
DEVICE void measure(const Convolve& a, const float* sums, const float* bias, float* room, u32* last, int first, int left) {
    enum { PITCH = N + 4, EACH = M / (THREADS / N) /* rows of a thread */ };
    const int column = (int)threadIdx.x % N, group = (int)threadIdx.x / N, inside = least((int)M, a.rows - first);
    auto rows_of = [&](int g) { const int rest = inside - g * EACH; return rest < 0 ? 0 : least((int)EACH, rest); };
    Moment mine = moment_of(sums + group * EACH * PITCH + column, PITCH, rows_of(group), bias[column]);
    mine = over_groups<N, THREADS>(mine, room, rows_of);
    const int across = (int)a.across.by, tiles = (int)gridDim.x / across;
    over_tiles<N, THREADS>(a.moments, (int)blockIdx.y, left / N, across, a.columns, first / M, tiles, mine,
                           [&](int p) { return least(a.rows, p * M); }, room, last);
}

// What follows the sums of a tile.
template <int M, int N, int WM, int WN>
DEVICE void finish(Tile<M, N, WM, WN>& t, const Convolve& a, const Layer& layer, u8* shared, u32* last, int first, int left) {
    enum { PITCH = N + 4, THREADS = Tile<M, N, WM, WN>::THREADS };
    float *sums = (float*)shared, *bias = sums + M * PITCH, *mean = bias + N, *scale = mean + N, *shift = scale + N, *room = shift + N;
    barrier();
    each_quad(t, [&](int row, int column, float(&v)[4]) {
        store16(sums + row * PITCH + column, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
    });
    for (int c = (int)threadIdx.x; c < N; c += THREADS) {
        const int n = left + c;
        const bool normed = layer.norm.gamma && n < a.columns;
        bias[c] = layer.bias && n < a.columns ? layer.bias[n] : 0.f;
        mean[c] = normed ? layer.norm.mean[n] : 0.f;
        scale[c] = normed ? channel_scale(layer.norm, n, a.eps) : 1.f;
        shift[c] = normed ? layer.norm.beta[n] : 0.f;
    }
    barrier();
    #pragma unroll 1
    for (int q = (int)threadIdx.x; q < M * N / 4; q += THREADS) {
        const int row = q / (N / 4), column = q % (N / 4) * 4, m = first + row, n = left + column;
        if (m >= a.rows || n >= a.columns) continue;
        float v[4], b[4], o[4], s[4], h[4];
        load4(v, sums + row * PITCH + column);
        load4(b, bias + column);
        load4(o, mean + column);
        load4(s, scale + column);
        load4(h, shift + column);
        #pragma unroll
        for (int k = 0; k < 4; k++) v[k] = fmaf(v[k] + b[k] - o[k], s[k], h[k]);
        activate_all(a.activation, v);
        if (a.times) {
            const float* p = a.times + pixel_of(a, a.times_out, m) + n * a.times_out[3];
            if (a.times_wide) {
                load4(o, p);
            } else {
                #pragma unroll
                for (int k = 0; k < 4; k++) o[k] = n + k < a.columns ? p[k * a.times_out[3]] : 0.f;
            }
            #pragma unroll
            for (int k = 0; k < 4; k++) v[k] *= o[k];
        }
        put(a.y + pixel_of(a, a.out, m) + n * a.out[3], a.out[3], a.wide, a.columns - n, v);
    }
    if (a.moments.mean) measure<M, N, THREADS>(a, sums, bias, room, last, first, left);
}

template <bool INPUT, int M, int N, int WM, int WN> DEVICE void convolve(const Convolve& a, u8* shared, u32* last) {
    typedef Tile<M, N, WM, WN> T;
    enum { LINES = T::THREADS / 8, WORDS = N / WORD /* of a row of B transposed */, TALL = T::THREADS / WORDS };
    const int tile = (int)blockIdx.x, down = (int)quotient((u32)tile, a.across), first = down * M;
    const int left = (tile - down * (int)a.across.by) * N, word = (int)threadIdx.x % 8, line = (int)threadIdx.x / 8;
    const int steps = (a.depth + DEEP - 1) / DEEP, each = (steps + (int)gridDim.z - 1) / (int)gridDim.z;
    const int from = (int)blockIdx.z * each, to = least(steps, from + each);
    const Layer& layer = a.layers[blockIdx.y];
    const u8* weight = layer.weight;
    Place places[M / LINES];
    #pragma unroll
    for (int i = 0; i < M / LINES; i++) {
        int m = first + line + i * LINES;
        places[i] = place_of(a.x, (int)blockIdx.y * a.pictures, m, m < a.rows);
    }
    auto load = [&](int step) {
        const u8 *at = shared + step % STAGES * T::BYTES, *bt = at + M * 128;
        const int k = step * DEEP + word * WORD;
        const bool inside = k < a.depth;
        const int tap = (int)quotient((u32)k, a.per_tap), c = k - tap * (int)a.per_tap.by;
        const int u = (int)quotient((u32)tap, a.kernel_width), v = tap - u * (int)a.kernel_width.by;
        const Move by = move_of(a.x, u, v, c, inside);
        #pragma unroll
        for (int i = 0; i < M / LINES; i++) gather(cell(at, 128, line + i * LINES, word), a.x, places[i], by);
        if (INPUT) {
            const int n = left + (int)threadIdx.x % WORDS * WORD, taps = (int)quotient((u32)a.depth, a.per_tap);
            #pragma unroll
            for (int i = 0; i < DEEP / TALL; i++) {
                const int row = (int)threadIdx.x / WORDS + i * TALL, q = step * DEEP + row;
                const int t = (int)quotient((u32)q, a.per_tap), o = q - t * (int)a.per_tap.by;
                const bool there = q < a.depth && o < a.outputs && n < a.inner;
                const i64 offset = there ? ((i64)o * taps + t) * a.inner + n : 0;
                copy_async16((void*)cell(bt, N * (int)sizeof(E), row, (int)threadIdx.x % WORDS), weight + offset * (i64)sizeof(E), there ? 16 : 0);
            }
        } else {
            #pragma unroll
            for (int i = 0; i < N / LINES; i++) {
                const int row = line + i * LINES;
                const bool there = inside && left + row < a.columns;
                const i64 offset = there ? (i64)(left + row) * a.depth + k : 0;
                copy_async16((void*)cell(bt, 128, row, word), weight + offset * (i64)sizeof(E), there ? 16 : 0);
            }
        }
    };
    T t;
    clear(t);
    for (int step = from; step < from + STAGES - 1; step++) {
        if (step < to) load(step);
        copies_commit();
    }
    for (int step = from; step < to; step++) {
        copies_wait<STAGES - 2>();
        barrier();
        if (step + STAGES - 1 < to) load(step + STAGES - 1);
        copies_commit();
        const u8* at = shared + step % STAGES * T::BYTES;
        multiply<false, INPUT>(t, at, at + M * 128);
    }
    if (!whole(t, (int)(blockIdx.y * gridDim.x) + tile, (int)(gridDim.x * gridDim.y), a.partial, a.tickets, last)) return;
    if (!INPUT && a.behind) {
        finish(t, a, layer, shared, last, first, left);
        return;
    }
    each_quad(t, [&](int row, int column, float(&v)[4]) {
        const int m = first + row, n = left + column;
        if (m >= a.rows || n >= a.columns) return;
        if (layer.bias) {
            #pragma unroll
            for (int k = 0; k < 4; k++) {
                if (n + k < a.columns) v[k] += layer.bias[n + k];
            }
        }
        put(a.y + pixel_of(a, a.out, m) + n * a.out[3], a.out[3], a.wide, a.columns - n, v);
    });
}

KERNEL(128, 4, forward, Convolve) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, last, 1);
    convolve<false, SMALL, SMALL, 2, 2>(a, shared, last);
}
KERNEL(128, 4, input, Convolve) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, last, 1);
    convolve<true, SMALL, SMALL, 2, 2>(a, shared, last);
}
#ifndef EXACT
// Two large blocks fit into the shared memory of 9.0 only; elsewhere one may have all the registers.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 900
enum { LARGE_BLOCKS = 2 };
#else
enum { LARGE_BLOCKS = 1 };
#endif
KERNEL(256, LARGE_BLOCKS, forward_large, Convolve) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, last, 1);
    convolve<false, LARGE, LARGE, 2, 4>(a, shared, last);
}
KERNEL(256, LARGE_BLOCKS, input_large, Convolve) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, last, 1);
    convolve<true, LARGE, LARGE, 2, 4>(a, shared, last);
}
#endif

// ---- The gradient of the weight

struct Weight {
    Picture x;
    const u8* dy;                   // [layers rows][outputs padded], dense
    float* dweights[LAYERS];        // null: not wanted
    i64 out[4];                     // strides of dweight [O, C, kh, kw]
    float* partial;
    u32* tickets;
    i32 rows, pitch;                // a layer's pixels of dy; its padded channels
    i32 outputs, channels;          // true O and C
    i32 wide, pictures;             // of a layer
    Divisor taps, kernel_width, across; // kh kw; kw; tiles across c
};

// Grid y = layers x taps.
KERNEL(128, 4, weight, Weight) {
    DYNAMIC_SHARED(shared);
    SHARED(u32, last, 1);
    typedef Tile<SMALL, SMALL, 2, 2> T;
    enum { WORDS = SMALL / WORD, TALL = T::THREADS / WORDS, HALF = DEEP * SMALL * (int)sizeof(E) };
    const int tile = (int)(blockIdx.y * gridDim.x + blockIdx.x), down = (int)quotient(blockIdx.x, a.across);
    const int layer = (int)quotient(blockIdx.y, a.taps), tap = (int)blockIdx.y - layer * (int)a.taps.by;
    const int u = (int)quotient((u32)tap, a.kernel_width), v = tap - u * (int)a.kernel_width.by;
    const int word = (int)threadIdx.x % WORDS, o = down * SMALL, c = ((int)blockIdx.x - down * (int)a.across.by) * SMALL;
    const int steps = (a.rows + DEEP - 1) / DEEP, each = (steps + (int)gridDim.z - 1) / (int)gridDim.z;
    const int from = (int)blockIdx.z * each, to = least(steps, from + each);
    if (!a.dweights[layer]) return;
    const bool left = o + word * WORD < a.pitch;
    const Move by = move_of(a.x, u, v, c + word * WORD, c + word * WORD < a.x.channels);
    auto load = [&](int step) {
        const u8* at = shared + step % STAGES * T::BYTES;
        #pragma unroll
        for (int i = 0; i < DEEP / TALL; i++) {
            const int row = (int)threadIdx.x / WORDS + i * TALL, m = step * DEEP + row;
            const bool there = left && m < a.rows;
            const i64 offset = there ? ((i64)layer * a.rows + m) * a.pitch + o + word * WORD : 0;
            copy_async16((void*)cell(at, SMALL * (int)sizeof(E), row, word), a.dy + offset * (i64)sizeof(E), there ? 16 : 0);
            gather(cell(at + HALF, SMALL * (int)sizeof(E), row, word), a.x, place_of(a.x, layer * a.pictures, m, m < a.rows), by);
        }
    };
    T t;
    clear(t);
    for (int step = from; step < from + STAGES - 1; step++) {
        if (step < to) load(step);
        copies_commit();
    }
    for (int step = from; step < to; step++) {
        copies_wait<STAGES - 2>();
        barrier();
        if (step + STAGES - 1 < to) load(step + STAGES - 1);
        copies_commit();
        const u8* at = shared + step % STAGES * T::BYTES;
        multiply<true, true>(t, at, at + HALF);
    }
    if (!whole(t, tile, (int)(gridDim.x * gridDim.y), a.partial, a.tickets, last)) return;
    float* dw = a.dweights[layer] + u * a.out[2] + v * a.out[3];
    each_quad(t, [&](int row, int column, float(&s)[4]) {
        if (o + row < a.outputs && c + column < a.channels) {
            put(dw + (o + row) * a.out[0] + (c + column) * a.out[1], a.out[1], a.wide, a.channels - c - column, s);
        }
    });
}

// ---- Into the shape that the above reads

// Copies a view [n0, n1, n2, C] to dense pixels of `pitch` elements, zeros behind the C-th, and sums it over pixels. A block is
// 256 / `across` pixels by `across` words (a power of two); grid x: slabs of pixels, y: slabs of words, z: which job.
struct Source {
    const u8* data;
    i64 stride[4];
    u8* to;                         // null: no copy
    float* sums;                    // [C], null: not wanted
    i64 sum_stride;
    Divisor per_first, per_second;  // n1 n2; n2
    i32 rows, channels, pitch;
    i32 dtype;                      // 0 float32, 1 bf16, 2 f16
    i32 wide, across;
};
struct Pack {
    Source jobs[2 * LAYERS];
    float* partial;                 // [jobs][slabs][largest pitch], when sums are wanted
    u32* tickets;
    i32 pitch, unused;              // the largest
};

DEVICE float load_any(const u8* p, i32 dtype) {
    switch (dtype) {
        case 1: return to_float(*(const bf16*)p);
        case 2: return to_float(*(const f16*)p);
        default: return *(const float*)p;
    }
}

DEVICE void read_word(float (&v)[WORD], const Source& s, u32 row, int c) {
    const int bytes = s.dtype == 0 ? 4 : 2;
    const u32 i = quotient(row, s.per_first), rest = row - i * s.per_first.by, j = quotient(rest, s.per_second);
    const u8* p = s.data + (i * s.stride[0] + j * s.stride[1] + (rest - j * s.per_second.by) * s.stride[2] + c * s.stride[3]) * bytes;
    if (s.wide) {
        #pragma unroll
        for (int k = 0; k < WORD; k += 4) {
            Word4 w = load16(p + 4 * k);
            #pragma unroll
            for (int e = 0; e < 4; e++) v[k + e] = element(w, e);
        }
    } else {
        #pragma unroll
        for (int k = 0; k < WORD; k++) v[k] = c + k < s.channels ? load_any(p + k * s.stride[3] * bytes, s.dtype) : 0.f;
    }
}
DEVICE void write_word(u8* to, const float (&v)[WORD]) {
#ifdef EXACT
    store16(to, Word4{as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])});
#else
    store16(to, Word4{pack(v[0], v[1], E()), pack(v[2], v[3], E()), pack(v[4], v[5], E()), pack(v[6], v[7], E())});
#endif
}

// Adds up what the threads of one word have, in their order; true for the threads of the first line, which then hold it.
DEVICE bool over_lines(float* room, float (&sum)[WORD], int across) {
    #pragma unroll
    for (int k = 0; k < WORD; k++) room[threadIdx.x * WORD + k] = sum[k];
    barrier();
    if ((int)threadIdx.x >= across) return false;
    for (int t = (int)threadIdx.x + across; t < 256; t += across) {
        #pragma unroll
        for (int k = 0; k < WORD; k++) sum[k] += room[t * WORD + k];
    }
    return true;
}

KERNEL(256, 2, pack, Pack) {
    SHARED(float, room, 256 * WORD);
    SHARED(u32, last, 1);
    enum { TOGETHER = 4 };
    const Source& s = a.jobs[blockIdx.z];
    const int across = s.across, lines = 256 / across, line = (int)threadIdx.x / across, slabs = (int)gridDim.x;
    const int c = ((int)blockIdx.y * across + (int)threadIdx.x % across) * WORD;
    const bool inside = c < s.pitch;
    float sum[WORD];
    #pragma unroll
    for (int k = 0; k < WORD; k++) sum[k] = 0.f;
    const i64 every = (i64)slabs * lines;
    for (i64 r = (i64)blockIdx.x * lines + line; inside && r < s.rows; r += TOGETHER * every) {
        float v[TOGETHER][WORD];
        #pragma unroll
        for (int n = 0; n < TOGETHER; n++) {
            const i64 at = r + n * every;
            if (at < s.rows) read_word(v[n], s, (u32)at, c);
        }
        #pragma unroll
        for (int n = 0; n < TOGETHER; n++) {
            const i64 at = r + n * every;
            if (at < s.rows) {
                #pragma unroll
                for (int k = 0; k < WORD; k++) sum[k] += v[n][k];
                if (s.to) write_word(s.to + (at * s.pitch + c) * (i64)sizeof(E), v[n]);
            }
        }
    }
    if (!s.sums) return;
    const bool first = over_lines(room, sum, across) && inside;
    float* partial = a.partial + (i64)blockIdx.z * slabs * a.pitch + c;
    if (first) {
        #pragma unroll
        for (int k = 0; k < WORD; k++) partial[(i64)blockIdx.x * a.pitch + k] = sum[k];
        fence();
    }
    barrier();
    u32* ticket = a.tickets + blockIdx.z * gridDim.y + blockIdx.y;
    if (threadIdx.x == 0) *last = atomic_add(ticket, 1u) == gridDim.x - 1;
    barrier();
    if (!*last) return;
    fence();
    if (threadIdx.x == 0) *ticket = 0u;
    #pragma unroll
    for (int k = 0; k < WORD; k++) sum[k] = 0.f;
    for (int p = line; inside && p < slabs; p += lines) {
        #pragma unroll
        for (int k = 0; k < WORD; k++) sum[k] += partial[(i64)p * a.pitch + k];
    }
    if (over_lines(room, sum, across) && inside) {
        #pragma unroll
        for (int k = 0; k < WORD; k++) {
            if (c + k < s.channels) s.sums[(c + k) * s.sum_stride] = sum[k];
        }
    }
}
