package io.aegis.cli.gpu;

import io.aegis.cli.gpu.bench.Bench;
import io.aegis.cli.gpu.bench.KernelWork;
import io.aegis.cli.workload.Operands;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Route;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Two ways of a GPU to the same result, at shapes that the plain kernels would take hours for: the portable kernels, which are compared
 * with the plain ones at small shapes, are the reference for those of compute capability 9.0. Operands are made on the device, and every
 * element of what is written is compared.
 */
final class Agreement {
    private Agreement() {}

    /**
     * Compares a call by the kernels of 9.0 with the same by the portable ones.
     *
     * @return how far they are apart, as a failure where that is too far; what left it out where no kernel of 9.0 takes it
     */
    static Line of(Kernels kernels, KernelWork work) {
        try (Operands make = new Operands(kernels)) {
            KernelWork.Call call = work.call(make);
            List<View> before = new ArrayList<>();
            List<View> first = new ArrayList<>();
            for (KernelWork.Written w : call.written()) {
                before.add(copy(make, w.view(), w.view().dtype()));
            }
            Kernels portable = CudaBackend.through(kernels, Route.PORTABLE);
            call.by().accept(portable);
            for (int i = 0; i < before.size(); i++) {
                View written = call.written().get(i).view();
                first.add(copy(make, written, DType.F32));
                kernels.elementwise().copy(before.get(i), written);
            }
            Kernels hopper = CudaBackend.through(kernels, Route.HOPPER);
            List<String> launched = CudaBackend.launched(hopper, () -> call.by().accept(hopper));
            String others = Bench.wrong(Route.HOPPER, launched);
            if (others != null) {
                return Line.said(work.name(), "left out: " + others);
            }
            return compared(make, work.name(), call.written(), first);
        }
    }

    private static Line compared(Operands make, String name, List<KernelWork.Written> written, List<View> first) {
        List<String> said = new ArrayList<>();
        boolean right = true;
        for (int i = 0; i < first.size(); i++) {
            KernelWork.Written w = written.get(i);
            double apart = difference(first.get(i), copy(make, w.view(), DType.F32));
            right &= apart <= w.tolerance();
            said.add(String.format(Locale.ROOT, "%s %.1e (allowed %.1e)", w.name(), apart, w.tolerance()));
        }
        String text = "apart, of the largest value: " + String.join(", ", said);
        return right ? Line.said(name, text) : Line.failure(name, text);
    }

    /** In one piece. */
    private static View copy(Operands make, View v, DType dtype) {
        View out = make.empty(dtype, v.shape());
        make.kernels().elementwise().copy(v, out);
        return out;
    }

    /** The largest difference of two float32 views in one piece, of the largest value of the first; infinite where only one is a number. */
    static double difference(View expected, View got) {
        MemorySegment e = expected.segment();
        MemorySegment g = got.segment();
        double largest = 0;
        double apart = 0;
        for (long i = 0; i < expected.elements(); i++) {
            double x = e.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            double y = g.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (Double.isFinite(x)) {
                largest = Math.max(largest, Math.abs(x));
            }
            if (x != y && !(Double.isNaN(x) && Double.isNaN(y))) {
                double d = Math.abs(x - y);
                apart = Math.max(apart, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
            }
        }
        return apart / (largest == 0 ? 1 : largest);
    }
}
