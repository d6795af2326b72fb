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
        long at = 0;
        for (long i = 0; i < positions.elements(); i++) {
            float position = from.getLongAt(from.position(i));
            for (float f : frequencies) {
                float angle = position * f;
                cos.view().setAt(at, Math.cos(angle));
                sin.view().setAt(at, Math.sin(angle));
                at++;
            }
        }
        return new Angles(cos, sin);
    }
}
