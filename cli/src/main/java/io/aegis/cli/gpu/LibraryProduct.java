package io.aegis.cli.gpu;

import io.aegis.cli.workload.Operands;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.util.Locale;

/** A large product as a program gets it where the toolkit's library is installed. */
final class LibraryProduct {
    private LibraryProduct() {}

    /** It and the processor's; {@code kernels} of a GPU, rounding to bfloat16. */
    static Line besideTheProcessor(Kernels kernels) {
        try (Operands make = new Operands(kernels)) {
            View a = make.normal(DType.BF16, 1100, 1024);
            View w = make.normal(DType.BF16, 1032, 1024);
            View ours = make.empty(DType.F32, 1100, 1032);
            View theirs = make.empty(DType.F32, 1100, 1032);
            View wide = make.empty(DType.F32, 1100, 1024);
            kernels.elementwise().copy(a, wide);
            kernels.matmul().multiply(a, w.transpose(0, 1), ours, Matmul.Epilogue.NONE);
            Backends.best().matmul().multiply(wide, w.transpose(0, 1), theirs, Matmul.Epilogue.NONE);
            double[] x = ours.toDoubles();
            double[] y = theirs.toDoubles();
            double largest = 0;
            double error = 0;
            for (int i = 0; i < x.length; i++) {
                largest = Math.max(largest, Math.abs(y[i]));
                error = Math.max(error, Double.isNaN(x[i]) ? Double.POSITIVE_INFINITY : Math.abs(x[i] - y[i]));
            }
            String name = "matmul bf16, 1100 x 1032 x 1024, beside the processor's";
            String said = String.format(Locale.ROOT, "off by %.1e of the largest value", error / largest);
            return error <= 1e-5 * largest ? Line.said(name, said) : Line.failure(name, said);
        }
    }
}
