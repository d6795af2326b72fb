package io.aegis.training;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.DerivedKernels;
import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Function;

/**
 * The processor's kernels with operands of products, convolutions and attention rounded to half precision first, as a GPU's
 * are with {@code --dtype f16}; in a unit, that a small model may meet either end of the range: x becomes round(x unit) / unit.
 */
public final class HalfOperands extends DerivedKernels {
    private final Kernels inner = Backends.best();
    private final float unit;

    /** @param unit a power of two; 1 for half precision as it is */
    public HalfOperands(double unit) {
        this.unit = (float) unit;
    }

    private View of(View x, Arena arena) {
        if (x.dtype() != DType.F32) {
            return x;
        }
        View out = View.allocate(arena, DType.F32, x.shape());
        inner.elementwise().copy(x, out);
        float[] values = out.segment().toArray(ValueLayout.JAVA_FLOAT);
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.float16ToFloat(Float.floatToFloat16(values[i] * unit)) / unit;
        }
        MemorySegment.copy(values, 0, out.segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return out;
    }

    @Override
    protected <T> T family(Class<T> which, Function<Kernels, T> of) {
        return which.cast(
                switch (of.apply(inner)) {
                    case Matmul m -> new Products(m);
                    case Attention a -> new Attending(a);
                    case Convolution c -> new Convolving(c);
                    case Object other -> other;
                });
    }

    private final class Products implements Matmul {
        private final Matmul exact;

        Products(Matmul exact) {
            this.exact = exact;
        }

        @Override
        public void multiply(View a, View b, View c, Epilogue epilogue) {
            try (Arena arena = Arena.ofShared()) {
                exact.multiply(of(a, arena), of(b, arena), c, epilogue);
            }
        }

        @Override
        public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
            try (Arena arena = Arena.ofShared()) {
                exact.multiplyRows(of(a, arena), of(b, arena), c, epilogue);
            }
        }
    }

    private final class Attending implements Attention {
        private final Attention exact;

        Attending(Attention exact) {
            this.exact = exact;
        }

        @Override
        public void forward(View q, View k, View v, double scale, Mask mask, View out, View lse) {
            try (Arena arena = Arena.ofShared()) {
                exact.forward(of(q, arena), of(k, arena), of(v, arena), scale, mask, out, lse);
            }
        }

        @Override
        public void backward(
                View q,
                View k,
                View v,
                double scale,
                Mask mask,
                View out,
                View lse,
                View dout,
                View dq,
                View dk,
                View dv) {
            try (Arena arena = Arena.ofShared()) {
                exact.backward(
                        of(q, arena), of(k, arena), of(v, arena), scale, mask, out, lse, of(dout, arena), dq, dk, dv);
            }
        }

        @Override
        public void paged(View q, View keys, View values, View table, View lengths, double scale, View out) {
            exact.paged(q, keys, values, table, lengths, scale, out);
        }

        @Override
        public void append(View k, View v, View keys, View values, View table, View lengths) {
            exact.append(k, v, keys, values, table, lengths);
        }
    }

    private final class Convolving implements Convolution {
        private final Convolution exact;

        Convolving(Convolution exact) {
            this.exact = exact;
        }

        @Override
        public void forward(View x, View weight, View bias, Geometry geometry, View y) {
            try (Arena arena = Arena.ofShared()) {
                exact.forward(of(x, arena), of(weight, arena), bias, geometry, y);
            }
        }

        @Override
        public void backwardInput(View dy, View weight, Geometry geometry, View dx) {
            try (Arena arena = Arena.ofShared()) {
                exact.backwardInput(of(dy, arena), of(weight, arena), geometry, dx);
            }
        }

        @Override
        public void backwardWeight(View x, View dy, Geometry geometry, View dweight, View dbias) {
            try (Arena arena = Arena.ofShared()) {
                exact.backwardWeight(of(x, arena), of(dy, arena), geometry, dweight, dbias);
            }
        }

        @Override
        public void centralDifference(View weight, double theta, View effective) {
            exact.centralDifference(weight, theta, effective);
        }

        @Override
        public void centralDifferenceBackward(View deffective, double theta, View dweight) {
            exact.centralDifferenceBackward(deffective, theta, dweight);
        }
    }

    @Override
    public DType operands() {
        return DType.F16;
    }

    @Override
    public String name() {
        return "half";
    }

    @Override
    public Device device() {
        return inner.device();
    }

    @Override
    public void alone(Runnable work) {
        inner.alone(work);
    }

    @Override
    public List<Choice> choices() {
        return inner.choices();
    }
}
