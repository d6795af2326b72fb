package io.aegis.layers;

import io.aegis.kernels.Philox;
import io.aegis.kernels.View;

/** How a parameter begins, drawn from counter-based randomness so that it depends on seed and name alone. */
public sealed interface Init {
    /** One value everywhere. */
    record Constant(double value) implements Init {}

    /** Normal with mean 0. */
    record Normal(double std) implements Init {}

    /** Normal with mean 0, redrawn outside two standard deviations. */
    record TruncatedNormal(double std) implements Init {}

    /** Uniform in [-bound, bound). */
    record Uniform(double bound) implements Init {}

    Init ZEROS = new Constant(0);
    Init ONES = new Constant(1);

    /** Glorot and Bengio 2010: uniform with bound sqrt(6 / (fan in + fan out)). */
    static Init xavierUniform(long fanIn, long fanOut) {
        return new Uniform(Math.sqrt(6.0 / (fanIn + fanOut)));
    }

    /** What PyTorch does by default for linear and convolution weights and biases: bound 1 / sqrt(fan in). */
    static Init fanIn(long fanIn) {
        return new Uniform(1 / Math.sqrt(fanIn));
    }

    /** Fills a view in row-major order. */
    default void fill(View v, long seed, String name) {
        long id = id(name);
        long n = v.elements();
        for (long i = 0; i < n; i++) {
            v.setAt(v.position(i), draw(seed, id, i));
        }
    }

    private double draw(long seed, long id, long i) {
        return switch (this) {
            case Constant c -> c.value;
            case Normal d -> d.std * Philox.normal(seed, id >>> 32, id, 0, i);
            case Uniform u -> u.bound * (2.0 * Philox.uniform(seed, id >>> 32, id, 0, i) - 1);
            case TruncatedNormal t -> {
                double z = 3;
                for (int attempt = 0; Math.abs(z) > 2; attempt++) {
                    z = Philox.normal(seed, id >>> 32, id, attempt, i);
                }
                yield t.std * z;
            }
        };
    }

    /** 64-bit FNV-1a of the name, so that parameters draw from streams of their own. */
    private static long id(String name) {
        long h = 0xcbf29ce484222325L;
        for (int i = 0; i < name.length(); i++) {
            h = (h ^ name.charAt(i)) * 0x100000001b3L;
        }
        return h;
    }
}
