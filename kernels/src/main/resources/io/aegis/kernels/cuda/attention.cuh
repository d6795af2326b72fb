// attention.cuh: heads as rows in shared memory and in the registers of the matrix units; for attention.cu and
// attention_backward.cu.
//
//   TYPE   bf16 | f16        what the matrix units multiply; their sums are float32
//   DIM    64 | 80 | 96 | 128   columns of a row in shared memory. A head has d <= DIM of them, the others are zero there
//
// A row is DIM / 8 chunks of 16 bytes and one more that is never touched. load_matrices() reads the same chunk of 8 rows in a
// row at a time; since the number of chunks is odd, those lie in 8 different groups of 4 banks. (Storing the chunks of each
// row in another order would save that sixteenth, and cost registers for addresses, which attention is short of.)
#pragma once
#include "common.cuh"

enum { CHUNKS = DIM / 8, PITCH = 2 * DIM + 16, SLICES = DIM / 16 };  // PITCH: bytes from row to row
#define INFINITE as_float(0x7f800000u)
constexpr float LOG2_E = 1.4426950408889634f;

// A view [B, H, rows, D]; strides in elements. Rows start at multiples of 16 bytes.
struct Rows {
    const TYPE* data;
    i64 batch, head;
    i32 row, unused;
};

DEVICE const TYPE* head_of(const Rows& x, int b, int h) { return x.data + b * x.batch + h * x.head; }
DEVICE void move(Rows& x, int rows) { x.data += (i64)rows * x.row; }

// Starts the copies of rows first .. first + COUNT - 1 of a head, by all threads of the block. What lies behind `end` rows,
// behind d columns, or at a row whose bit of `seen` (one a row of the head) is 0, becomes zero and is not read. A pass of the
// threads takes 8, 16 or 32 rows, each thread the same chunk of them. EXCHANGED: of each 16 x 16 elements the right ones of the first
// eight rows lie where the left ones of the others would, and the other way round.
template <int COUNT, int THREADS, bool EXCHANGED = false> DEVICE void copy_rows(u8* to, const TYPE* head, i32 stride, int first, int end, int d, const u32* seen) {
    constexpr int PASS = THREADS / CHUNKS >= 32 ? 32 : THREADS / CHUNKS >= 16 ? 16 : 8;
    int row = (int)threadIdx.x / CHUNKS, chunk = (int)threadIdx.x % CHUNKS;
    if (row >= PASS) return;
    int bytes = min(16, max(0, 2 * d - 16 * chunk));
    const TYPE* from = head + ((i64)(first + row) * stride + chunk * 8);
    if (!EXCHANGED) {
        to += row * PITCH + chunk * 16;
    } else if (PASS == 8) {
        to += (row + chunk % 2 * 8) * PITCH + chunk / 2 * 32;
    } else {
        to += (row / 16 * 16 + row % 8 + chunk % 2 * 8) * PITCH + chunk / 2 * 32 + row / 8 % 2 * 16;
    }
#pragma unroll
    for (int i = 0; i < COUNT / PASS; i++) {
        int at = first + row + i * PASS;
        bool there = at < end;
        if (seen) there = there && seen[at / 32] >> at % 32 & 1;
        const int further = EXCHANGED && PASS == 8 ? i / 2 * 16 * PITCH + i % 2 * 16 : i * PASS * PITCH;
        copy_async16(to + further, from, there ? bytes : 0);
        from += (i64)PASS * stride;
    }
}

// Where in a tile this lane's share of 16 x 16 elements begins, in bytes: lanes 0 to 15 name the rows' left chunks, lanes 16
// to 31 the right ones; and how much further the share of rows 16 block and columns 16 slice. Loaded so, the registers are
//   of a factor a, rows x columns                                 a[0] .. a[3]
//   of b = its transpose, the rows as b's columns                 b0, b1 = r[0], r[2] for the first 8 of them, r[1], r[3]
//   the same, the rows exchanged                                  b0, b1 = r[0], r[1] for the first 8 of them, r[2], r[3]
//   transposed, of b itself                                       b0, b1 = r[0], r[1] for the first 8 columns, r[2], r[3]
DEVICE int lane_place() { return lane() % 16 * PITCH + lane() / 16 * 16; }
DEVICE constexpr int corner(int block, int slice) { return block * 16 * PITCH + slice * 32; }

// The product's accumulators of 16 rows and 16 columns, two neighbours, rounded: again a factor a, of the next product.
DEVICE void round_to_factor(u32 (&a)[4], const float (&left)[4], const float (&right)[4]) {
    a[0] = pack(left[0], left[1], TYPE());
    a[1] = pack(left[2], left[3], TYPE());
    a[2] = pack(right[0], right[1], TYPE());
    a[3] = pack(right[2], right[3], TYPE());
}

// The lowest `count` of 32 bits; all for 32 and more, none for 0 and less.
DEVICE u32 lowest(int count) { return count >= 32 ? 0xffffffffu : count <= 0 ? 0u : (1u << count) - 1; }

// A view [B, H, rows, D] of results; strides in elements.
struct Output {
    u8* data;  // or null: nobody wants it
    i64 batch, head, row;
    i32 wide;   // float32, else TYPE
    i32 pairs;  // rows start at even elements of a buffer that starts at an even one
};

DEVICE void move(Output& x, int rows) {
    if (x.data) x.data += rows * x.row * (x.wide ? 4 : 2);
}

// Row `half` (0: the upper 8, 1: the lower) of accumulators of 16 rows and DIM columns, times `by`.
DEVICE void store_row(const Output& to, int b, int h, int row, int d, const float (&x)[DIM / 8][4], int half, float by) {
    i64 at = b * to.batch + h * to.head + row * to.row;
#pragma unroll
    for (int tile = 0; tile < DIM / 8; tile++) {
        int column = 8 * tile + 2 * (lane() % 4);
        float left = x[tile][2 * half] * by, right = x[tile][2 * half + 1] * by;
        bool both = to.pairs && column + 1 < d;
        if (to.wide) {
            float* p = (float*)to.data + at + column;
            if (both) {
                *(u64*)p = (u64)as_bits(right) << 32 | as_bits(left);
            } else {
                if (column < d) p[0] = left;
                if (column + 1 < d) p[1] = right;
            }
        } else {
            TYPE* p = (TYPE*)to.data + at + column;
            if (both) {
                *(u32*)p = pack(left, right, TYPE());
            } else {
                if (column < d) from_float(left, p[0]);
                if (column + 1 < d) from_float(right, p[1]);
            }
        }
    }
}
