package io.aegis.kernels;

import java.lang.foreign.Arena;

/** Convolutions by rounded weights and biases; what they read and write is rounded by whoever made or takes it. */
record RoundedConvolution(Convolution inner, Rounding rounding) implements Convolution {
    @Override
    public void forward(View x, View weight, View bias, Geometry geometry, View y) {
        try (Arena arena = Arena.ofShared()) {
            inner.forward(x, rounded(weight, arena), rounding.of(bias, arena), geometry, y);
        }
    }

    @Override
    public void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        try (Arena arena = Arena.ofShared()) {
            inner.backwardInput(dy, rounded(weight, arena), geometry, dx);
        }
    }

    /** In the order that implementations are fast in. */
    private View rounded(View weight, Arena arena) {
        long[] shape = weight.shape();
        long[] strides = Convolution.channelsLast(shape[0], shape[1], shape[2], shape[3]);
        View memory = View.allocate(arena, weight.dtype(), weight.elements());
        View out = View.of(memory.buffer(), weight.dtype(), 0, shape, strides);
        rounding.copy(weight, out, arena);
        return out;
    }

    @Override
    public void backwardWeight(View x, View dy, Geometry geometry, View dweight, View dbias) {
        inner.backwardWeight(x, dy, geometry, dweight, dbias);
    }

    @Override
    public void centralDifference(View weight, double theta, View effective) {
        inner.centralDifference(weight, theta, effective);
    }

    @Override
    public void centralDifferenceBackward(View deffective, double theta, View dweight) {
        inner.centralDifferenceBackward(deffective, theta, dweight);
    }
}
