package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss.PrototypesOf;
import io.aegis.kernels.View;
import java.util.List;

/** means.cu: float32 features of three modalities, of any strides; means of up to three float32 tensors. */
final class CudaMeans {
    static final Variant FILE = Variant.of("means.cu");
    private static final int THREADS = 256;
    private static final int MODALITIES = 3;

    private final Cuda cuda;
    private final Entry prototypes;
    private final Entry means;

    CudaMeans(Cuda cuda) {
        this.cuda = cuda;
        prototypes = new Entry(cuda, FILE, "class_means");
        means = new Entry(cuda, FILE, "means");
    }

    /** @return false where it is not for these kernels; nothing has happened then */
    boolean prototypes(PrototypesOf of, View state, View to) {
        boolean served =
                of.features().size() == MODALITIES && of.features().stream().allMatch(CudaMeans::isServed);
        served &= of.classes().dtype() == DType.I64 && of.momentum().dtype() == DType.I64;
        served &= state.isContiguous() && to.isContiguous() && to.dtype() == DType.F32 && state.elements() < 1L << 31;
        if (!served) {
            return false;
        }
        long[] from = of.features().stream().mapToLong(cuda::read).toArray();
        long classes = cuda.read(of.classes());
        long momentum = cuda.read(of.momentum());
        Arguments a = Arguments.begin();
        for (int k = 0; k < MODALITIES; k++) {
            View x = of.features().get(k);
            a.pointer(from[k]).i64(x.stride(0)).i64(x.stride(1));
        }
        a.pointer(classes).i64(of.classes().stride(0)).pointer(momentum);
        a.pointer(cuda.update(state)).pointer(cuda.write(to));
        a.f64(PrototypesOf.FRESH).f64(PrototypesOf.BEFORE);
        int each = (int) (state.elements() / MODALITIES);
        a.i32((int) of.classes().size(0)).i32(each).i32((int) state.size(2));
        a.i32(of.swap() ? 1 : 0).i32(of.keepAbsent() ? 1 : 0).i32(0);
        prototypes.launch(Engine.Grid.of(Math.ceilDiv(each, (long) THREADS), THREADS), a);
        return true;
    }

    /** @return false where it is not for these kernels; nothing has happened then */
    boolean means(List<View> tokens, View to) {
        if (tokens.size() > MODALITIES || !tokens.stream().allMatch(CudaMeans::isServed) || !to.isContiguous()) {
            return false;
        }
        long[] from = tokens.stream().mapToLong(cuda::read).toArray();
        Arguments a = Arguments.begin();
        for (int k = 0; k < MODALITIES; k++) {
            View x = tokens.get(Math.min(k, tokens.size() - 1));
            a.view(from[Math.min(k, tokens.size() - 1)], x.shape(), x.strides());
        }
        a.pointer(cuda.write(to));
        means.launch(Engine.Grid.of(tokens.size(), THREADS), a);
        return true;
    }

    private static boolean isServed(View x) {
        return x.dtype() == DType.F32 && x.elements() > 0 && x.rank() <= Arguments.MAX_RANK;
    }
}
