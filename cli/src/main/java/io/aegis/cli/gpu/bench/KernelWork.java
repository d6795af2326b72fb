package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Kernels;
import java.util.function.Consumer;

/** A call of one kernel family. */
public sealed interface KernelWork extends Work
        permits AttentionWork, CacheWork, ConvolutionWork, ProductWork, RowsWork {
    /**
     * Makes operands.
     *
     * @return the call, by any kernels over their memory; it may be made again and again until the operands are freed
     */
    Consumer<Kernels> prepare(Operands make);
}
