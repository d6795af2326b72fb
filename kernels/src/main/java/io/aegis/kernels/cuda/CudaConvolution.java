package io.aegis.kernels.cuda;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Which way a convolution takes: depthwise ones go to {@link CudaDepthwise}; pixels and patches (a stride as large as the
 * kernel) are plain matrix products; all other dense ones are the implicit GEMM of convolution.cu, or, on compute capability 9.0 and
 * where {@link HopperConvolution} takes them, that of convolution_sm90a.cu. Pictures and weights may be
 * float32, bf16 or f16 in any layout; results and bias are float32. Other groups and dtypes are the host's.
 */
final class CudaConvolution implements Convolution {
    /** What 32-bit numbers of pixels and offsets inside a picture reach. */
    private static final long MOST = 1 << 30;

    /** Multiply-adds of a layer; a guess until a card has been asked. */
    private static final long LARGE_PRODUCT = 1L << 30;

    private final Cuda cuda;
    private final Convolution host;
    private final Matmul matmul;
    private final Elementwise elementwise;
    private final CudaDepthwise depthwise;
    private final ImplicitGemm gemm;

    CudaConvolution(Cuda cuda, Convolution host, Matmul matmul, Elementwise elementwise) {
        this.cuda = cuda;
        this.host = host;
        this.matmul = matmul;
        this.elementwise = elementwise;
        this.depthwise = new CudaDepthwise(cuda);
        this.gemm = new ImplicitGemm(cuda);
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>(List.of(
                CudaDepthwise.FILE,
                ImplicitGemm.variant(Precision.F32),
                ImplicitGemm.variant(Precision.BF16),
                ImplicitGemm.variant(Precision.F16)));
        all.addAll(HopperConvolution.variants());
        return all;
    }

    @Override
    public void forward(View x, View weight, View bias, Geometry geometry, View y) {
        if (!fits(x, weight, y, geometry) || y.dtype() != DType.F32 || !vector(bias)) {
            host.forward(x, weight, bias, geometry, y);
        } else if (y.elements() == 0) {
            return;
        } else if (geometry.groups() > 1) {
            depthwise.forward(x, List.of(new Layer(weight, bias, null)), geometry, null, y);
        } else if (isPointwise(x, weight, geometry, y)) {
            View w = weight.reshape(weight.size(0), weight.size(1)).permute(1, 0);
            matmul.multiply(flat(x), w, flat(y), Matmul.Epilogue.bias(bias));
        } else if (arePatches(x, weight, geometry, y)) {
            withPatches(x, weight, y, patches -> {
                elementwise.copy(patches.of(x), patches.unfolded());
                matmul.multiply(
                        patches.rows(), patches.flat(weight).permute(1, 0), flat(y), Matmul.Epilogue.bias(bias));
            });
        } else {
            gemm.forward(x, List.of(new Layer(weight, bias, null)), geometry, null, y);
        }
    }

    @Override
    public void forward(View x, List<Layer> layers, Geometry geometry, View y) {
        if (!together(x, weights(layers), y, geometry) || !biases(layers) || y.dtype() != DType.F32) {
            Convolution.super.forward(x, layers, geometry, y);
        } else if (geometry.groups() > 1) {
            depthwise.forward(x, layers, geometry, null, y);
        } else {
            gemm.forward(x, layers, geometry, null, y);
        }
    }

    @Override
    public boolean forwardNormed(View x, List<Layer> layers, Geometry geometry, Behind behind, View y) {
        boolean fits = together(x, weights(layers), y, geometry)
                && biases(layers)
                && y.dtype() == DType.F32
                && layers.stream().allMatch(l -> LayerPointers.fits(l.norm()))
                && (behind.times() == null || behind.times().dtype() == DType.F32);
        if (fits && geometry.groups() > 1) {
            return depthwise.takes(layers, geometry, behind) && depthwise.forward(x, layers, geometry, behind, y);
        }
        if (fits) {
            gemm.forward(x, layers, geometry, behind, y);
        }
        return fits;
    }

    @Override
    public boolean forwardWithStatistics(
            View x, List<Layer> layers, Geometry geometry, View y, View mean, View variance) {
        boolean fits = together(x, weights(layers), y, geometry)
                && biases(layers)
                && y.dtype() == DType.F32
                && Moments.fits(mean, variance);
        if (!fits) {
            return false;
        }
        Moments moments = new Moments(mean, variance);
        return geometry.groups() > 1
                ? depthwise.measured(x, layers, geometry, moments, y)
                : gemm.measured(x, layers, geometry, moments, y);
    }

    private static List<View> weights(List<Layer> layers) {
        return layers.stream().map(Layer::weight).toList();
    }

    private static boolean biases(List<Layer> layers) {
        return layers.stream().allMatch(l -> LayerPointers.isVector(l.bias()));
    }

    /** Whether a product of pixels gains more by the larger tiles of matrix products than it costs to launch each by itself. */
    private static boolean isLargeProduct(View x, View weight, int layers) {
        return x.elements() / layers * weight.size(0) >= LARGE_PRODUCT;
    }

    /** Whether layers side by side are one launch: not of patches, which are copied out, and of one layout each. */
    private boolean together(View x, List<View> weights, View y, Geometry geometry) {
        View first = weights.getFirst();
        boolean fits = weights.size() <= LayerPointers.MOST
                && y.elements() > 0
                && x.size(0) % weights.size() == 0
                && y.size(0) == x.size(0)
                && !(geometry.stride() > 1 && arePatches(x, first, geometry, y))
                && !(isPointwise(x, first, geometry, y) && isLargeProduct(x, first, weights.size()));
        for (View w : weights) {
            boolean same =
                    w.sameShape(first) && w.dtype() == first.dtype() && Arrays.equals(w.strides(), first.strides());
            fits &= same && fits(x, w, y, geometry);
        }
        return fits;
    }

    @Override
    public void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        if (!fits(dx, weight, dy, geometry) || dx.dtype() != DType.F32) {
            host.backwardInput(dy, weight, geometry, dx);
        } else if (dy.elements() == 0) {
            elementwise.fill(dx, 0);
        } else if (geometry.groups() > 1) {
            depthwise.backwardInput(dy, List.of(weight), geometry, dx);
        } else if (isPointwise(dx, weight, geometry, dy)) {
            matmul.multiply(flat(dy), weight.reshape(weight.size(0), weight.size(1)), flat(dx), Matmul.Epilogue.NONE);
        } else if (arePatches(dx, weight, geometry, dy)) {
            withPatches(dx, weight, dy, patches -> {
                if (!patches.cover(dx)) {
                    elementwise.fill(dx, 0);
                }
                matmul.multiply(flat(dy), patches.flat(weight), patches.rows(), Matmul.Epilogue.NONE);
                elementwise.copy(patches.unfolded(), patches.of(dx));
            });
        } else {
            gemm.backwardInput(dy, List.of(weight), geometry, dx);
        }
    }

    @Override
    public void backwardInput(View dy, List<View> weights, Geometry geometry, View dx) {
        if (!together(dx, weights, dy, geometry) || dx.dtype() != DType.F32) {
            Convolution.super.backwardInput(dy, weights, geometry, dx);
        } else if (geometry.groups() > 1) {
            depthwise.backwardInput(dy, weights, geometry, dx);
        } else {
            gemm.backwardInput(dy, weights, geometry, dx);
        }
    }

    @Override
    public void backwardWeight(View x, View dy, Geometry geometry, View[] dweights, View[] dbiases) {
        boolean whole = true;
        for (int i = 0; i < dweights.length; i++) {
            whole &= dweights[i] != null && dweights[i].dtype() == DType.F32 && LayerPointers.isVector(dbiases[i]);
        }
        boolean groups = geometry.groups() > 1;
        if (!whole
                || !together(x, List.of(dweights), dy, geometry)
                || groups && !CudaDepthwise.counts(dweights[0], dweights.length)) {
            Convolution.super.backwardWeight(x, dy, geometry, dweights, dbiases);
        } else if (groups) {
            depthwise.backwardWeight(x, dy, geometry, dweights);
            gemm.backwardBias(dy, dbiases);
        } else {
            gemm.backwardWeight(x, dy, geometry, dweights, dbiases);
        }
    }

    @Override
    public void backwardWeight(View x, View dy, Geometry geometry, View dweight, View dbias) {
        if (!fits(x, null, dy, geometry)
                || dweight != null && dweight.dtype() != DType.F32
                || !vector(dbias)
                || geometry.groups() > 1 && dweight != null && !CudaDepthwise.counts(dweight, 1)) {
            host.backwardWeight(x, dy, geometry, dweight, dbias);
        } else if (dy.elements() == 0) {
            for (View d : new View[] {dweight, dbias}) {
                if (d != null) {
                    elementwise.fill(d, 0);
                }
            }
        } else if (dweight == null) {
            gemm.backwardBias(dy, dbias);
        } else if (geometry.groups() > 1) {
            depthwise.backwardWeight(x, dy, geometry, dweight);
            gemm.backwardBias(dy, dbias);
        } else if (isPointwise(x, dweight, geometry, dy)) {
            View dw = dweight.reshape(dweight.size(0), dweight.size(1));
            matmul.multiply(flat(dy).permute(1, 0), flat(x), dw, Matmul.Epilogue.NONE);
            gemm.backwardBias(dy, dbias);
        } else if (arePatches(x, dweight, geometry, dy)) {
            withPatches(x, dweight, dy, patches -> {
                elementwise.copy(patches.of(x), patches.unfolded());
                matmul.multiply(flat(dy).permute(1, 0), patches.rows(), patches.flat(dweight), Matmul.Epilogue.NONE);
            });
            gemm.backwardBias(dy, dbias);
        } else {
            gemm.backwardWeight(x, dy, geometry, new View[] {dweight}, new View[] {dbias});
        }
    }

    @Override
    public void centralDifference(View weight, double theta, View effective) {
        if (!depthwise.centralDifference(weight, theta, effective)) {
            host.centralDifference(weight, theta, effective);
        }
    }

    @Override
    public void centralDifferenceBackward(View deffective, double theta, View dweight) {
        if (!depthwise.centralDifferenceBackward(deffective, theta, dweight)) {
            host.centralDifferenceBackward(deffective, theta, dweight);
        }
    }

    /** Whether the kernels know groups, dtypes and sizes; of {@code weight} only where it is a source. */
    private static boolean fits(View x, View weight, View y, Geometry geometry) {
        boolean dense = geometry.groups() == 1;
        boolean depthwise = geometry.groups() == x.size(3) && geometry.groups() == y.size(3);
        for (View v : new View[] {x, weight, y}) {
            if (v != null
                    && v.dtype() != DType.F32
                    && !(dense && (v.dtype() == DType.BF16 || v.dtype() == DType.F16))) {
                return false;
            }
        }
        return (dense || depthwise) && small(x) && small(y);
    }

    private static boolean small(View v) {
        long inside = 1;
        for (int d = 1; d < v.rank(); d++) {
            inside += (Math.max(1, v.size(d)) - 1) * v.stride(d);
        }
        return v.elements() / Math.max(1, v.size(-1)) < MOST && inside < MOST;
    }

    private static boolean vector(View bias) {
        return bias == null || bias.dtype() == DType.F32 && bias.isContiguous();
    }

    /** Whether this is a matrix product of pixels as they lie. */
    private static boolean isPointwise(View x, View weight, Geometry geometry, View y) {
        return weight.size(2) == 1
                && weight.size(3) == 1
                && geometry.stride() == 1
                && geometry.padding() == 0
                && isFlat(x)
                && isFlat(y);
    }

    /** Whether this is a matrix product of patches, which are copied into rows first. */
    private static boolean arePatches(View x, View weight, Geometry geometry, View y) {
        return weight.size(2) == geometry.stride()
                && weight.size(3) == geometry.stride()
                && geometry.padding() == 0
                && x.dtype() == DType.F32
                && isFlat(y)
                && Patches.order(weight) != null;
    }

    /** A float32 picture whose pixels are rows of a matrix without a copy. */
    private static boolean isFlat(View v) {
        return v.dtype() == DType.F32 && v.canReshape(v.elements() / Math.max(1, v.size(3)), v.size(3));
    }

    private static View flat(View v) {
        return v.reshape(v.elements() / Math.max(1, v.size(3)), v.size(3));
    }

    private void withPatches(View x, View weight, View y, Consumer<Patches> work) {
        long rows = y.elements() / y.size(3);
        long width = weight.elements() / weight.size(0);
        Buffer buffer = cuda.memory().acquire(rows * width * DType.F32.bytes());
        try {
            work.accept(new Patches(View.of(buffer, DType.F32, rows, width), Patches.order(weight), weight, y));
        } finally {
            cuda.memory().release(buffer);
        }
    }

    /**
     * Patches of a picture as the rows of a matrix.
     *
     * @param rows [B H' W', kh kw C], or C kh kw, as the weight's memory has it
     * @param order of the dimensions O, C, kh, kw, in which the weight is a matrix
     */
    private record Patches(View rows, int[] order, View weight, View y) {
        private static final int[] CHANNELS_LAST = {0, 2, 3, 1};
        private static final int[] CHANNELS_FIRST = {0, 1, 2, 3};

        /** Null when the weight's memory is neither [O, kh, kw, C] nor [O, C, kh, kw]. */
        static int[] order(View weight) {
            for (int[] order : new int[][] {CHANNELS_LAST, CHANNELS_FIRST}) {
                if (weight.permute(order).canReshape(weight.size(0), weight.elements() / Math.max(1, weight.size(0)))) {
                    return order;
                }
            }
            return null;
        }

        View flat(View w) {
            return w.permute(order).reshape(w.size(0), w.elements() / w.size(0));
        }

        /** Whether no pixel lies outside the patches. */
        boolean cover(View x) {
            return x.size(1) == y.size(1) * weight.size(2) && x.size(2) == y.size(2) * weight.size(3);
        }

        /** The rows as [B, H', W', ...] with the three dimensions of a patch in the weight's order. */
        View unfolded() {
            View w = weight.permute(order);
            return rows.reshape(y.size(0), y.size(1), y.size(2), w.size(1), w.size(2), w.size(3));
        }

        /** A picture's pixels in the same shape. */
        View of(View x) {
            long kh = weight.size(2);
            long kw = weight.size(3);
            View patches = View.of(
                    x.buffer(),
                    x.dtype(),
                    x.offset(),
                    new long[] {y.size(0), y.size(1), y.size(2), x.size(3), kh, kw},
                    new long[] {x.stride(0), kh * x.stride(1), kw * x.stride(2), x.stride(3), x.stride(1), x.stride(2)
                    });
            return patches.permute(0, 1, 2, 2 + order[1], 2 + order[2], 2 + order[3]);
        }
    }
}
