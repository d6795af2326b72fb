// likeliest.cu: the first of the greatest numbers of each row, and the logarithm of its share of the softmax.
//
// Maths    index[b] = min {i: x[b, i] = max x[b]}     share[b] = -log(sum over i of exp(x[b, i] - max x[b]))
// Shapes   x [B, V] float32, dense rows; index i64 [B], -1 where a number of the row is NaN; share float64 [B]
// likeliest_part    a block has PART numbers of a row: their greatest, its place, and the sum of exponentials in double
// likeliest_whole   a warp a row adds the parts up. So the bits of a row depend on the row alone
// Shared   likeliest_part: a number and a place a warp, and 32 doubles of its sum
// Barriers likeliest_part: one behind the numbers of the warps, one in the sum
#include "common.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP, PART = 4096, NOWHERE = 0x7fffffff, NAN_SEEN = -1 };
#define INFINITE as_float(0x7f800000u)

struct Args {
    const float* x;
    i64 row;
    i64* index;
    double* share;
    float* tops;  // [B, parts]
    i32* places;  // [B, parts]: of the greatest, or NAN_SEEN
    double* sums; // [B, parts]
    i32 v, parts;
};

// The greater of two numbers at their places, the first of equal ones; NaN is greater than all.
DEVICE void join(float& x, i32& place, float other, i32 there) {
    bool nan = place == NAN_SEEN || there == NAN_SEEN;
    bool takes = other > x || (other == x && there < place);
    x = takes ? other : x;
    place = nan ? (i32)NAN_SEEN : takes ? there : place;
}
DEVICE void warp_join(float& x, i32& place) {
    for (int m = WARP / 2; m > 0; m /= 2) {
        float other = shuffle_xor(x, m);
        i32 there = shuffle_xor(place, m);
        join(x, place, other, there);
    }
}

KERNEL(THREADS, 4, likeliest_part, Args) {
    SHARED(float, tops, WARPS);
    SHARED(i32, places, WARPS);
    SHARED(double, room, WARP);
    const float* x = a.x + blockIdx.y * a.row;
    int from = (int)blockIdx.x * PART, to = least(from + (int)PART, a.v);
    float top = -INFINITE;
    i32 place = NOWHERE;
    for (int i = from + (int)threadIdx.x; i < to; i += THREADS) join(top, place, x[i], x[i] != x[i] ? (i32)NAN_SEEN : i);
    warp_join(top, place);
    if (lane() == 0) tops[warp()] = top, places[warp()] = place;
    barrier();
    top = tops[0], place = places[0];
    for (int w = 1; w < WARPS; w++) join(top, place, tops[w], places[w]);
    float base = top == -INFINITE ? 0 : top; // a part of which nothing has a share
    double sum = 0;
    for (int i = from + (int)threadIdx.x; i < to; i += THREADS) sum += (double)expf(x[i] - base);
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) {
        i64 at = (i64)blockIdx.y * a.parts + blockIdx.x;
        a.tops[at] = top;
        a.places[at] = place;
        a.sums[at] = sum;
    }
}

KERNEL(WARP, 1, likeliest_whole, Args) {
    i64 first = (i64)blockIdx.x * a.parts;
    float top = -INFINITE;
    i32 place = NOWHERE;
    for (int p = lane(); p < a.parts; p += WARP) join(top, place, a.tops[first + p], a.places[first + p]);
    warp_join(top, place);
    double sum = 0;
    for (int p = lane(); p < a.parts; p += WARP) sum += a.sums[first + p] * exp((double)a.tops[first + p] - (double)top);
    sum = warp_sum(sum);
    if (lane() == 0) {
        a.index[blockIdx.x] = place;
        a.share[blockIdx.x] = place == NAN_SEEN ? as_double(0x7ff8000000000000ull) : -log(sum);
    }
}
