package io.aegis.kernels;

import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Other kernels as if every tensor were stored in 16 bits: each operation computes in float32 and its result is then rounded
 * to bfloat16 or half precision, and so are the parameters of products, convolutions and normalisations. It is what a model
 * converted to that dtype does in other frameworks, and so the measure of how much error such a run may have: of PyTorch's
 * own bfloat16 its errors are those, but for a quarter up or down (bench/NOTES.md).
 *
 * <p>One run is one draw. The error of one number, a loss say, is by chance anything between nothing and several times its
 * deviation, and no bound for another run's: of two runs that round alike, the first errs by more than twice what the second
 * does in three of ten such numbers (the ratio of two normal variables is above 2 with probability 2/pi atan(1/2) = 0.30).
 * {@link #draws} gives runs in different units, each an honest 16-bit run of the same model; together they say how much
 * error there may be.
 */
public final class RoundedKernels extends DerivedKernels {
    private final Kernels inner;
    private final DType dtype;
    private final Rounding rounding;
    private final Matmul matmul;
    private final Convolution convolution;
    private final Normalization normalization;

    /**
     * @param inner kernels of the host
     * @param dtype F16 or BF16
     */
    public RoundedKernels(Kernels inner, DType dtype) {
        this(inner, dtype, 1);
    }

    private RoundedKernels(Kernels inner, DType dtype, double unit) {
        this.inner = inner;
        this.dtype = dtype;
        rounding = new Rounding(inner.elementwise(), dtype, unit);
        matmul = new RoundedMatmul(inner.matmul(), inner.elementwise(), rounding);
        convolution = new RoundedConvolution(inner.convolution(), rounding);
        normalization = new RoundedNormalization(inner.normalization(), rounding);
    }

    /**
     * Kernels that round in different units: the first to the type's own numbers, each other one to those of another grid
     * which is as fine. Units are 2^(-k / count).
     *
     * @param count at least 1
     */
    public static List<Kernels> draws(Kernels inner, DType dtype, int count) {
        return IntStream.range(0, count)
                .<Kernels>mapToObj(k -> new RoundedKernels(inner, dtype, Math.pow(2, -(double) k / count)))
                .toList();
    }

    @Override
    public void stored(View result) {
        rounding.inPlace(result);
    }

    @Override
    public String name() {
        return inner.name() + ", rounded to " + dtype;
    }

    @Override
    public Device device() {
        return inner.device();
    }

    @Override
    protected <T> T family(Class<T> which, Function<Kernels, T> of) {
        T inside = of.apply(inner);
        return which.cast(
                switch (inside) {
                    case Matmul _ -> matmul;
                    case Convolution _ -> convolution;
                    case Normalization _ -> normalization;
                    default -> inside;
                });
    }

    @Override
    public List<Choice> choices() {
        return inner.choices();
    }
}
