// rotary.cuh: one pair of a head's vector turned by its angle. Which product is rounded before it is added to is said here, not left to
// the compiler, so that all kernels that turn give the same bits.
#pragma once
#include "common.cuh"

// (u, v) becomes (u cos - v sin, v cos + u sin).
DEVICE void turn(float& u, float& v, float cos, float sin) {
    float first = u;
    u = fmaf(first, cos, -(v * sin));
    v = fmaf(v, cos, first * sin);
}
