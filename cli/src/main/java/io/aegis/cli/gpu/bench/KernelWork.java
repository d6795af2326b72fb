package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.List;
import java.util.function.Consumer;

/** A call of one kernel family. */
public sealed interface KernelWork extends Work
        permits AttentionWork, CacheWork, ConvolutionWork, ProductWork, RowsWork, StreamWork, VisionMaskingWork {
    /** Sums of float32 in another order. */
    double EXACT = 1e-5;

    /** Probabilities and their gradients rounded to 16 bits, on the way into a second product. */
    double ROUNDED = 2e-2;

    /**
     * What a call writes.
     *
     * @param name for people
     * @param view with what was there before
     * @param tolerance how far two ways to it may be apart, of its largest value
     */
    record Written(String name, View view, double tolerance) {}

    /**
     * A call that is ready.
     *
     * @param by makes it, by any kernels over its operands' memory, again and again until they are freed
     * @param written all that it writes and somebody would read; nothing where ways to it are not compared
     */
    record Call(Consumer<Kernels> by, List<Written> written) {}

    /** Makes operands, and the call on them. */
    Call call(Operands make);

    /** As {@link #call}, to be timed. */
    default Consumer<Kernels> prepare(Operands make) {
        return call(make).by();
    }
}
