// greatest.cu: the greatest of each row and the first place where it is; and its gradient, which goes there.
//
// Maths    y[i] = max over j of x[i, j], NaN above all   index[i] = min {j: x[i, j] is that}   dx[i, j] = dy[i] where j = index[i], else 0
// Shapes   x, dx [R, M] float32, M from 1 on; y, dy [R] float32; index i64 [R]; all of any strides
// Tiles    a row a warp, 8 rows a block of 256 threads: rows are short (a question's tokens), and there are many (a picture's)
// Shared   none   Barriers none: lanes meet in shuffles
#include "common.cuh"

enum { THREADS = 256, WARPS = THREADS / WARP, NOWHERE = 0x7fffffff };

struct Args {
    float* x; // or dx
    i64 row, column;
    i32 rows, columns;
    float* y; // or dy
    i64 y_step;
    i64* index;
    i64 index_step;
};

DEVICE bool is_above(float a, float b) { return a > b || (a != a && b == b); }

KERNEL(THREADS, 4, greatest, Args) {
    i32 i = (i32)(blockIdx.x * WARPS) + warp();
    if (i >= a.rows) return;
    const float* x = a.x + i * a.row;
    float top = as_float(0xff800000u); // minus infinity
    i32 place = NOWHERE;
    for (i32 j = lane(); j < a.columns; j += WARP) {
        float other = x[j * a.column];
        if (place == NOWHERE || is_above(other, top)) top = other, place = j;
    }
    for (int m = WARP / 2; m > 0; m /= 2) {
        float other = shuffle_xor(top, m);
        i32 there = shuffle_xor(place, m);
        if (is_above(other, top) || (!is_above(top, other) && there < place)) top = other, place = there;
    }
    if (lane() == 0) {
        a.y[i * a.y_step] = top;
        a.index[i * a.index_step] = place;
    }
}

KERNEL(THREADS, 4, greatest_backward, Args) {
    i32 i = (i32)(blockIdx.x * WARPS) + warp();
    if (i >= a.rows) return;
    float dy = a.y[i * a.y_step];
    i64 place = a.index[i * a.index_step];
    for (i32 j = lane(); j < a.columns; j += WARP) a.x[i * a.row + j * a.column] = j == place ? dy : 0.f;
}
