package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.List;

/**
 * Products with weights of 8 and 4 bits in bfloat16, as {@link BfloatMatmul} computes those of weights that are floats: x is
 * rounded once, and so is what a code times its scale is; sums are float32. It is the product of the widened weight, rounded. Of the weight a panel at a
 * time exists, written once for all rows by the thread whose columns it holds. Few rows, which wait for memory, and products too small to gain
 * anything are exact.
 */
final class BfloatQuantizedMatmul implements QuantizedMatmul {
    private final QuantizedMatmul exact;
    private final Elementwise elementwise;
    private final Gemm product;
    private final long small;

    /**
     * @param exact what computes the rest
     * @param product of bfloat16 operands
     * @param small products of fewer multiply-adds are computed exactly
     */
    BfloatQuantizedMatmul(QuantizedMatmul exact, Elementwise elementwise, Gemm product, long small) {
        this.exact = exact;
        this.elementwise = elementwise;
        this.product = product;
        this.small = small;
    }

    @Override
    public void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        multiply(x, List.of(new Linear(w, y, epilogue)));
    }

    @Override
    public void multiply(View x, List<Linear> parts) {
        Operand left = null;
        for (Linear p : parts) {
            if (!isRounded(x, p.y(), p.epilogue())) {
                exact.multiply(x, p.w(), p.y(), p.epilogue());
                continue;
            }
            if (left == null) {
                left = rounded(x);
            }
            product.multiplyShared(left, RightOperand.rounded(p.w(), true), Part.all(p.y()), p.epilogue());
        }
    }

    @Override
    public void multiplyTransposed(View y, QuantizedWeight w, View x, boolean accumulate) {
        if (isRounded(y, x, Epilogue.NONE)) {
            Epilogue epilogue = accumulate ? Epilogue.ACCUMULATE : Epilogue.NONE;
            product.multiplyShared(rounded(y), RightOperand.rounded(w, false), Part.all(x), epilogue);
        } else {
            exact.multiplyTransposed(y, w, x, accumulate);
        }
    }

    private boolean isRounded(View a, View c, Epilogue epilogue) {
        return BfloatMatmul.gains(c.size(0), c.size(1), a.size(1), small)
                && c.elements() > 0
                && a.dtype() == DType.F32
                && CpuMatmul.fits(c, epilogue);
    }

    private Operand rounded(View x) {
        return Operand.of(x, elementwise, CpuMatmul.SLOT).roundedShared(Scratch.NARROW);
    }

    @Override
    public void multiplyRows(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        exact.multiplyRows(x, w, y, epilogue);
    }

    @Override
    public void multiplyRows(View x, List<Linear> parts) {
        exact.multiplyRows(x, parts);
    }

    @Override
    public void multiplyRowsGated(View x, QuantizedWeight gate, QuantizedWeight up, View room, View y) {
        exact.multiplyRowsGated(x, gate, up, room, y);
    }

    @Override
    public void widen(QuantizedWeight w, View out) {
        exact.widen(w, out);
    }

    @Override
    public void lookup(QuantizedWeight w, View ids, View out) {
        exact.lookup(w, ids, out);
    }
}
