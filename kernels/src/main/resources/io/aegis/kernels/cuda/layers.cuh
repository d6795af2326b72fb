// layers.cuh: layers of one shape side by side in one launch, each with parameters of its own; one has the i-th of as many equal
// parts of what they work on. LayerPointers.java packs what is here.
#pragma once
#include "common.cuh"

enum { LAYERS = 4 /* at most */ };

// What a batch norm has for each channel; gamma is null where there is none.
struct Channels {
    const float *gamma, *beta, *mean, *variance;
};
// gamma / sqrt(variance + eps), the factor of x - mean
DEVICE float channel_scale(const Channels& a, int channel, float eps) { return a.gamma[channel] / sqrtf(a.variance[channel] + eps); }
