package io.aegis.cli.workload;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import java.util.Locale;
import java.util.Optional;

/**
 * What the processor's large products round their operands to while something is measured: {@link Kernels#rounding}. Sums, and
 * all else, are float32 either way. How weights are stored is {@link WeightType}'s.
 */
public enum Compute {
    F32(DType.F32),
    BF16(DType.BF16);

    private final DType operands;

    Compute(DType operands) {
        this.operands = operands;
    }

    /** Kernels that compute so, from the processor's best; empty where {@link #absence} says why. */
    public Optional<Kernels> of(Kernels best) {
        Kernels rounding = best.rounding(operands);
        return this == F32 || rounding != best ? Optional.of(rounding) : Optional.empty();
    }

    /** Why a processor has no products of bfloat16 that would be faster than those of float32. */
    public static String absence(Kernels best) {
        return best.choices().stream()
                .filter(c -> c.family().equals(Kernels.Choice.BFLOAT16))
                .map(Kernels.Choice::reason)
                .findFirst()
                .orElse("the plain kernels have no other");
    }

    /** Makes these kernels everybody's for as long as the work takes; {@link Backends#best} is chosen behind it. */
    public static void during(Kernels kernels, Runnable work) {
        Backends.choose(kernels);
        try {
            work.run();
        } finally {
            Backends.choose(null);
        }
    }

    /** What is put behind the name of a work that is computed so; nothing for float32. */
    public String suffix() {
        return this == F32 ? "" : ", computed in " + this;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
