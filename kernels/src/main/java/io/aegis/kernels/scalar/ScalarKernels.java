package io.aegis.kernels.scalar;

import io.aegis.kernels.*;
import java.util.List;

/** The plain implementation of every family. */
public final class ScalarKernels implements Kernels {
    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public Device device() {
        return Device.CPU;
    }

    @Override
    public Matmul matmul() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Attention attention() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Normalization normalization() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Convolution convolution() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Elementwise elementwise() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Reduction reduction() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Loss loss() {
        throw new UnsupportedOperationException();
    }

    @Override
    public MutualInformation mutualInformation() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Optimizer optimizer() {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<Choice> choices() {
        return List.of();
    }
}
