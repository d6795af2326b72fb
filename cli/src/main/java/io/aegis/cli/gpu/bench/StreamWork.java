package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Activation;
import io.aegis.kernels.AdamStep;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Consumer;

/**
 * A call over float32 matrices that is bound by memory: each byte of them moves once, and there are more of them than any cache
 * holds.
 *
 * @param rows of each matrix
 * @param width of each row, a multiple of 128
 */
public record StreamWork(Kind kind, long rows, long width) implements KernelWork {
    private static final long HEAD = 128;
    private static final double EPSILON = 1e-5;
    private static final double RATE = 1e-4;
    private static final long STEP = 10;

    /** What is computed, and how many matrices it reads and writes. */
    public enum Kind {
        LAYER_NORM("layer norm", 2),
        LAYER_NORM_BACKWARD("layer norm backward", 3),
        RMS_NORM("RMS norm", 2),
        RMS_NORM_BACKWARD("RMS norm backward", 3),
        ROTARY("rotary", 2),
        SILU_GATE("SiLU gate", 3),
        SILU_GATE_BACKWARD("SiLU gate backward", 5),
        ADAM("Adam", 7),
        GELU("GELU by erf", 2),
        ADD("add", 3),
        SOFTMAX("softmax", 2),
        SUM("sum over rows", 1);

        private final String title;
        private final int matrices;

        Kind(String title, int matrices) {
            this.title = title;
            this.matrices = matrices;
        }
    }

    @Override
    public String name() {
        return kind.title + " f32, " + rows + " x " + width;
    }

    @Override
    public Unit unit() {
        return Unit.GIGABYTES;
    }

    @Override
    public double amount() {
        return (double) kind.matrices * DType.F32.bytes() * rows * width;
    }

    @Override
    public Call call(Operands make) {
        return new Call(prepared(make), List.of());
    }

    private Consumer<Kernels> prepared(Operands make) {
        View x = make.normal(DType.F32, rows, width);
        return switch (kind) {
            case LAYER_NORM, LAYER_NORM_BACKWARD, RMS_NORM, RMS_NORM_BACKWARD -> norm(make, x);
            case ROTARY -> rotary(make, x);
            case SILU_GATE, SILU_GATE_BACKWARD -> gate(make, x);
            case ADAM -> adam(make, x);
            case GELU -> {
                View y = matrix(make);
                yield k -> k.elementwise().activate(Activation.GELU, x, y);
            }
            case ADD -> {
                View other = make.normal(DType.F32, rows, width);
                View y = matrix(make);
                yield k -> k.elementwise().binary(Elementwise.Binary.ADD, x, other, y);
            }
            case SOFTMAX -> {
                View y = matrix(make);
                yield k -> k.reduction().softmax(x, y);
            }
            case SUM -> {
                View sums = make.empty(DType.F32, 1, width);
                yield k -> k.reduction().sum(x, 1, false, sums);
            }
        };
    }

    private View matrix(Operands make) {
        return make.empty(DType.F32, rows, width);
    }

    /** Forward, then backward from what that left. */
    private Consumer<Kernels> norm(Operands make, View x) {
        View gamma = make.normal(DType.F32, width);
        View beta = make.normal(DType.F32, width);
        View mean = make.empty(DType.F32, rows);
        View rstd = make.empty(DType.F32, rows);
        View y = matrix(make);
        boolean layer = kind == Kind.LAYER_NORM || kind == Kind.LAYER_NORM_BACKWARD;
        Consumer<Kernels> forward = layer
                ? k -> k.normalization().layerNorm(x, gamma, beta, EPSILON, y, mean, rstd)
                : k -> k.normalization().rmsNorm(x, gamma, EPSILON, y, rstd);
        if (kind == Kind.LAYER_NORM || kind == Kind.RMS_NORM) {
            return forward;
        }
        forward.accept(make.kernels());
        View dy = make.normal(DType.F32, rows, width);
        View dgamma = make.empty(DType.F32, width);
        View dbeta = make.empty(DType.F32, width);
        return layer
                ? k -> k.normalization().layerNormBackward(x, gamma, mean, rstd, dy, y, dgamma, dbeta)
                : k -> k.normalization().rmsNormBackward(x, gamma, rstd, dy, y, dgamma);
    }

    /** Four sequences, with heads of 128. */
    private Consumer<Kernels> rotary(Operands make, View x) {
        long positions = rows / 4;
        View cos = make.normal(DType.F32, positions, HEAD / 2);
        View sin = make.normal(DType.F32, positions, HEAD / 2);
        View turned = x.reshape(4, positions, width / HEAD, HEAD);
        View y = matrix(make).reshape(turned.shape());
        return k -> k.rotaryEmbedding().rotate(turned, cos, sin, false, y);
    }

    private Consumer<Kernels> gate(Operands make, View gate) {
        View up = make.normal(DType.F32, rows, width);
        View y = matrix(make);
        if (kind == Kind.SILU_GATE) {
            return k -> k.elementwise().siluGate(gate, up, y);
        }
        View dy = make.normal(DType.F32, rows, width);
        View dup = matrix(make);
        return k -> k.elementwise().siluGateBackward(gate, up, dy, y, dup);
    }

    /** A step's factors beside the matrices, so that they are given back with them. */
    private static View onDevice(Operands make, AdamStep step) {
        try (Arena arena = Arena.ofShared()) {
            View host = step.in(arena);
            View device = make.empty(host.dtype(), host.shape());
            make.kernels().elementwise().copy(host, device);
            make.kernels().synchronize();
            host.buffer().discardMirror();
            return device;
        }
    }

    /** Weights, gradient and both moments are read, all but the gradient written. */
    private Consumer<Kernels> adam(Operands make, View weights) {
        View gradient = make.normal(DType.F32, rows, width);
        View first = make.normal(DType.F32, rows, width);
        View second = matrix(make);
        make.kernels().elementwise().fill(second, 1);
        Optimizer.Adam constants = new Optimizer.Adam(0.9, 0.999, 1e-8, 0.01, true);
        View step = onDevice(make, AdamStep.of(constants, RATE, STEP));
        return k -> k.optimizer().adam(weights, gradient, first, second, constants, step);
    }
}
