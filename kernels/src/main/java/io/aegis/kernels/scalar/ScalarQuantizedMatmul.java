package io.aegis.kernels.scalar;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.function.Consumer;

/** The weight widened, w[n, k] = scales[n, k / group] q[n, k], then an ordinary product. */
final class ScalarQuantizedMatmul implements QuantizedMatmul {
    private final Matmul matmul;

    ScalarQuantizedMatmul(Matmul matmul) {
        this.matmul = matmul;
    }

    @Override
    public void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        widened(w, wide -> matmul.multiply(x, wide.transpose(0, 1), y, epilogue));
    }

    @Override
    public void multiplyRows(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        widened(w, wide -> matmul.multiplyRows(x, wide.transpose(0, 1), y, epilogue));
    }

    @Override
    public void multiplyTransposed(View y, QuantizedWeight w, View x, boolean accumulate) {
        widened(w, wide -> matmul.multiply(y, wide, x, accumulate ? Epilogue.ACCUMULATE : Epilogue.NONE));
    }

    @Override
    public void widen(QuantizedWeight w, View out) {
        for (long n = 0; n < w.rows(); n++) {
            for (long k = 0; k < w.columns(); k++) {
                out.setAt(out.index(n, k), w.at(n, k));
            }
        }
    }

    private void widened(QuantizedWeight w, Consumer<View> product) {
        try (Arena arena = Arena.ofShared()) {
            View wide = View.allocate(arena, DType.F32, w.rows(), w.columns());
            widen(w, wide);
            product.accept(wide);
        }
    }
}
