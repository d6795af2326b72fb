package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/**
 * The angles of rotary position embedding (arXiv 2104.09864): pair j of a head turns by position times theta^(-2j/D), in
 * float32 whatever the model computes in.
 */
public final class Rotary {
    private final float[] frequencies;

    /**
     * @param headSize D
     * @param theta base of the frequencies
     */
    public Rotary(int headSize, double theta, RopeScaling scaling) {
        float[] plain = new float[headSize / 2];
        for (int j = 0; j < plain.length; j++) {
            plain[j] = 1 / (float) Math.pow((float) theta, 2f * j / headSize);
        }
        this.frequencies = scaling.apply(plain);
    }

    /** Radians a position of each pair, [D / 2]. */
    public float[] frequencies() {
        return frequencies.clone();
    }

    /**
     * Cosines and sines of some positions.
     *
     * @param cos F32, as the positions with D / 2 behind
     * @param sin as cos
     */
    public record Angles(Tensor cos, Tensor sin) {}

    /** Angles of positions I64 [N] or [B, N], in the current scope. */
    public Angles at(Tensor positions) {
        long[] shape = Arrays.copyOf(positions.shape(), positions.rank() + 1);
        shape[positions.rank()] = frequencies.length;
        Tensor cos = Tensor.empty(DType.F32, shape);
        Tensor sin = Tensor.empty(DType.F32, shape);
        View from = positions.view();
        for (long i = 0; i < positions.elements(); i++) {
            write(from.getLongAt(from.position(i)), i * frequencies.length, cos.view(), sin.view());
        }
        return new Angles(cos, sin);
    }

    /** Writes the angles of one position behind so many elements of views that are dense. */
    void write(long position, long at, View cos, View sin) {
        for (int j = 0; j < frequencies.length; j++) {
            float angle = position * frequencies[j];
            cos.setAt(cos.offset() + at + j, Math.cos(angle));
            sin.setAt(sin.offset() + at + j, Math.sin(angle));
        }
    }
}
