// activations.cuh: activations of several numbers at once.
#pragma once
#include "common.cuh"

template <i32 WHICH, int N> DEVICE void activate_as(float (&v)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) v[i] = activate(WHICH, v[i]);
}

// As activate, of each. A GELU is some fifty instructions that wait for one another: the choice is made once, so that those of the
// N numbers run beside each other.
template <int N> DEVICE void activate_all(i32 which, float (&v)[N]) {
    switch (which) {
        case RELU: return activate_as<RELU>(v);
        case GELU: return activate_as<GELU>(v);
        case QUICK_GELU: return activate_as<QUICK_GELU>(v);
        case GELU_TANH: return activate_as<GELU_TANH>(v);
        case SILU: return activate_as<SILU>(v);
        case SIGMOID: return activate_as<SIGMOID>(v);
        case EXP: return activate_as<EXP>(v);
        case LOG: return activate_as<LOG>(v);
        case SQRT: return activate_as<SQRT>(v);
    }
}
