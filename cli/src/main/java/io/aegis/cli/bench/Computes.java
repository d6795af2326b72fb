package io.aegis.cli.bench;

import io.aegis.cli.workload.Compute;
import io.aegis.kernels.Kernels;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** A section's work, once for each way to compute it: float32's first, then what this processor has besides. */
final class Computes {
    private Computes() {}

    /** Those that this processor has. */
    static List<Compute> there(Kernels best) {
        return Arrays.stream(Compute.values())
                .filter(c -> c.of(best).isPresent())
                .toList();
    }

    /**
     * Does the work with the kernels of each, which are everybody's meanwhile; one that is not there is named, and why.
     *
     * @param title of the work
     */
    static void each(
            Kernels best, List<Compute> wanted, String title, BiConsumer<Kernels, Compute> work, Consumer<Figure> out) {
        for (Compute compute : wanted) {
            compute.of(best)
                    .ifPresentOrElse(
                            k -> Compute.during(k, () -> work.accept(k, compute)),
                            () -> out.accept(Figure.leftOut(title + compute.suffix(), Compute.absence(best))));
        }
    }
}
