// slopes.cuh: derivatives of what Activation.java names.
#pragma once
#include "common.cuh"

DEVICE float sigmoid(float x) { return activate(SIGMOID, x); }
DEVICE float gate_slope(float x, float by) { // of x sigmoid(by x)
    float s = sigmoid(by * x);
    return s + by * x * s * (1.f - s);
}
DEVICE float slope(i32 function, float x) {
    switch (function) {
        case RELU: return x <= 0.f ? 0.f : 1.f;
        case GELU: return 0.5f * erfcf(-0.70710678f * x) + x * 0.39894228f * expf(-0.5f * x * x);
        case QUICK_GELU: return gate_slope(x, 1.702f);
        case GELU_TANH: {
            float s = sigmoid(1.5957691f * (x + 0.044715f * x * x * x));
            return s + x * s * (1.f - s) * 1.5957691f * (1.f + 0.134145f * x * x);
        }
        case SILU: return gate_slope(x, 1.f);
        case SIGMOID: return sigmoid(x) * sigmoid(-x);
        case EXP: return expf(x);
        case LOG: return 1.f / x;
        case SQRT: return 0.5f / sqrtf(x);
        default: return 1.f;
    }
}
