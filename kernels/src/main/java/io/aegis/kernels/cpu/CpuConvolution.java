package io.aegis.kernels.cpu;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;

/**
 * Convolutions of floats, channels last. Dense ones are products with the matrix of patches (one row a place, [kh, kw, C]
 * a row), which exists a block of rows at a time, in the cache of the thread that needs it:
 *
 * <pre>
 *     y  = patches W^T        [rows, kh kw C] [kh kw C, O]
 *     dW = dy^T patches       a range of columns a thread, so that no two add to one place
 *     dx = fold(dy W)         whole pictures a thread, for the same reason
 * </pre>
 *
 * Depthwise ones are {@link CpuDepthwise}, those of few channels {@link DirectConvolution}. Other layouts and dtypes go to
 * the plain kernels.
 */
final class CpuConvolution implements Convolution {
    /** Rows of patches at a time: enough that packing the weights for them is a small part of the product. */
    private static final long BLOCK = 256;

    /** Ranges of columns of the patches in the weights' gradient, each of which reads all of dy, at most. */
    private static final int STRIPES = 4;

    /** Below it a range is too small to be cut off, in multiply-adds. */
    private static final long GRAIN = 1 << 22;

    private static final int SLOT = 2;
    private static final int GRADIENT = 5;
    private static final int PICTURE = 6;
    private static final int WEIGHT = 7;

    private final Convolution plain;
    private final Elementwise elementwise;
    private final Gemm product;
    private final long small;

    CpuConvolution(Convolution plain, Elementwise elementwise, Gemm product) {
        this(plain, elementwise, product, 0);
    }

    /**
     * @param plain what computes the rest
     * @param small products of fewer multiply-adds are the rest
     */
    CpuConvolution(Convolution plain, Elementwise elementwise, Gemm product, long small) {
        this.plain = plain;
        this.elementwise = elementwise;
        this.product = product;
        this.small = small;
    }

    @Override
    public void forward(View picture, View kernel, View bias, Geometry geometry, View y) {
        View x = channelsLast(picture);
        View weight = taps(kernel, true);
        if (CpuDepthwise.fits(x, weight, geometry, y) && dense(bias)) {
            CpuDepthwise.forward(x, weight, bias, geometry, y);
            return;
        }
        if (!fits(x, weight, geometry, y) || !dense(bias)) {
            plain.forward(x, weight, bias, geometry, y);
            return;
        }
        if (DirectConvolution.fits(x, weight, geometry, y)) {
            DirectConvolution.forward(x, weight, bias, geometry, y);
            return;
        }
        Patches p = new Patches(x, weight, geometry, y);
        long o = weight.size(0);
        if (isSmall(p, o)) {
            plain.forward(x, weight, bias, geometry, y);
            return;
        }
        Operand w = product.operand(matrix(weight, o), Scratch.WEIGHT);
        Part out = Part.all(p.rows(), o, y.buffer().memory(), y.offset(), o);
        Workers.ranges(p.rows(), blocks(p.rows()), 1, (from, to) -> {
            Operand patches = product.operand(p.block(from, to, 0, p.columns(), SLOT), Scratch.PATCHES);
            Part rows = out.rows(from, to - from);
            if (bias != null) {
                for (long r = 0; r < rows.rows(); r++) {
                    MemorySegment.copy(
                            bias.buffer().memory(), bias.offset() << 2, rows.c(), (rows.start() + r * o) << 2, o << 2);
                }
            }
            product.multiply(patches, w.transposed(), 1, bias != null, rows);
        });
    }

    @Override
    public void backwardInput(View gradient, View kernel, Geometry geometry, View dx) {
        View dy = dense(gradient, GRADIENT);
        View weight = taps(kernel, true);
        if (CpuDepthwise.fits(dx, weight, geometry, dy) && geometry.stride() == 1) {
            CpuDepthwise.backwardInput(dy, weight, geometry, dx);
            return;
        }
        if (!fits(dx, weight, geometry, dy)) {
            plain.backwardInput(dy, weight, geometry, dx);
            return;
        }
        if (DirectConvolution.fits(dx, weight, geometry, dy)) {
            DirectConvolution.backwardInput(dy, weight, geometry, dx);
            return;
        }
        Patches p = new Patches(dx, weight, geometry, dy);
        long o = weight.size(0);
        if (isSmall(p, o)) {
            plain.backwardInput(dy, weight, geometry, dx);
            return;
        }
        Operand w = product.operand(matrix(weight, o), Scratch.WEIGHT);
        Operand slopes = matrix(dy, p.rows());
        long together = Math.max(1, BLOCK / p.rowsOfOne());
        Workers.ranges(dx.size(0), (int) Math.ceilDiv(dx.size(0), together), 1, (first, last) -> {
            if (!p.pixels()) {
                p.clear(first, last);
            }
            long end = last * p.rowsOfOne();
            for (long from = first * p.rowsOfOne(); from < end; from += BLOCK) {
                long to = Math.min(end, from + BLOCK);
                Part patches = p.room(from, to, SLOT);
                product.multiply(product.operand(slopes.rows(from, to - from), Scratch.GRADIENT), w, patches);
                if (!p.pixels()) {
                    p.fold(from, to, patches.c());
                }
            }
        });
    }

    @Override
    public void backwardWeight(View picture, View gradient, Geometry geometry, View dkernel, View dbias) {
        View x = channelsLast(picture);
        View dy = dense(gradient, GRADIENT);
        if (dbias != null) {
            if (dense(dbias) && dy.dtype() == DType.F32 && dy.isContiguous()) {
                long o = dy.size(3);
                Sums.columns(dy.buffer().memory(), dy.offset(), dy.elements() / Math.max(1, o), o, o, 1, false, dbias);
            } else {
                plain.backwardWeight(x, dy, geometry, null, dbias);
            }
        }
        if (dkernel == null) {
            return;
        }
        View dweight = taps(dkernel, false);
        if (CpuDepthwise.fits(x, dweight, geometry, dy)) {
            CpuDepthwise.backwardWeight(x, dy, geometry, dweight);
        } else if (fits(x, dweight, geometry, dy) && DirectConvolution.fitsTogether(x, dweight, geometry, dy)) {
            DirectConvolutionWeight.backwardWeight(x, dy, geometry, dweight);
        } else if (fits(x, dweight, geometry, dy)) {
            backwardPatches(x, dy, geometry, dweight);
        } else {
            plain.backwardWeight(x, dy, geometry, dweight, null);
        }
        if (dweight != dkernel) {
            elementwise.copy(dweight, dkernel);
        }
    }

    private void backwardPatches(View x, View dy, Geometry geometry, View dweight) {
        Patches p = new Patches(x, dweight, geometry, dy);
        long o = dweight.size(0);
        if (isSmall(p, o)) {
            plain.backwardWeight(x, dy, geometry, dweight, null);
            return;
        }
        Operand slopes = matrix(dy, p.rows());
        int stripes = Math.clamp(p.rows() * p.columns() * o / GRAIN, 1, STRIPES);
        Workers.ranges(p.columns(), stripes, 16, (from, to) -> {
            Part stripe = new Part(0, o, from, to, dweight.buffer().memory(), dweight.offset(), p.columns());
            for (long row = 0; row < p.rows(); row += BLOCK) {
                long end = Math.min(p.rows(), row + BLOCK);
                Operand patches = product.operand(p.block(row, end, from, to, SLOT), Scratch.PATCHES);
                Operand some = product.operand(slopes.rows(row, end - row), Scratch.GRADIENT);
                product.multiply(some.transposed(), patches, 1, row > 0, stripe);
            }
        });
    }

    @Override
    public void centralDifference(View weight, double theta, View effective) {
        plain.centralDifference(weight, theta, effective);
    }

    @Override
    public void centralDifferenceBackward(View deffective, double theta, View dweight) {
        plain.centralDifferenceBackward(deffective, theta, dweight);
    }

    private boolean isSmall(Patches p, long outputs) {
        return p.rows() * p.columns() * outputs < small;
    }

    /** What lies dense in memory, as so many rows. */
    private static Operand matrix(View x, long rows) {
        long columns = x.elements() / rows;
        return Operand.floats(x.buffer().memory(), x.offset(), rows, columns, columns);
    }

    /** How many blocks these rows make: an even number, so that two threads have as much to do. */
    private static int blocks(long rows) {
        return (int) (2 * Math.ceilDiv(rows, 2 * BLOCK));
    }

    /** A picture whose channels, and pixels of a line, are neighbours: itself, or a copy in scratch memory. */
    private View channelsLast(View x) {
        return x.stride(3) == 1 && x.stride(2) == x.size(3) ? x : dense(x, PICTURE);
    }

    private View dense(View x, int slot) {
        if (x.dtype() != DType.F32 || x.isContiguous()) {
            return x;
        }
        View copy = View.of(Buffer.host(Scratch.floats(slot, x.elements())), DType.F32, x.shape());
        elementwise.copy(x, copy);
        return copy;
    }

    /** A weight in the order of memory that the loops want: itself, or scratch memory, filled if {@code read}. */
    private View taps(View w, boolean read) {
        long[] strides = Convolution.channelsLast(w.size(0), w.size(1), w.size(2), w.size(3));
        boolean ordered = w.permute(0, 2, 3, 1).isContiguous()
                || w.size(1) == 1 && w.permute(2, 3, 1, 0).isContiguous();
        if (w.dtype() != DType.F32 || ordered) {
            return w;
        }
        View copy = View.of(Buffer.host(Scratch.floats(WEIGHT, w.elements())), DType.F32, 0, w.shape(), strides);
        if (read) {
            elementwise.copy(w, copy);
        }
        return copy;
    }

    private static boolean dense(View bias) {
        return bias == null || bias.dtype() == DType.F32 && bias.isContiguous();
    }

    /** Dense, groups of 1, floats, y without gaps, weights [O, kh, kw, C] in memory. */
    private static boolean fits(View x, View weight, Geometry geometry, View y) {
        return x.dtype() == DType.F32
                && weight.dtype() == DType.F32
                && y.dtype() == DType.F32
                && geometry.groups() == 1
                && x.stride(3) == 1
                && x.stride(2) == x.size(3)
                && y.isContiguous()
                && y.elements() > 0
                && weight.elements() > 0
                && weight.permute(0, 2, 3, 1).isContiguous();
    }
}
