package io.aegis.tensor;

import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Operations that move or rename elements. */
sealed interface ShapeOp extends Op {
    /** Another shape for the same elements in row-major order; copies only when the strides leave no choice. */
    record Reshape(long[] shape) implements ShapeOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            f.require(View.count(shape) == x.elements(), "cannot become " + Arrays.toString(shape));
            if (x.canReshape(shape)) {
                f.alias(0, x.reshape(shape));
            } else {
                f.k().elementwise().copy(x, f.out(shape).reshape(x.shape()));
            }
        }

        @Override
        public void backward(Backward b) {
            View dy = b.dy();
            if (dy.canReshape(b.shape(0))) {
                b.pass(0, dy.reshape(b.shape(0)));
            } else {
                b.k().elementwise().copy(dy, b.into(0).reshape(dy.shape()));
            }
        }
    }

    /** Dimensions in another order, without a copy. */
    record Permute(int... order) implements ShapeOp {
        @Override
        public void forward(Forward f) {
            f.alias(0, f.in(0).permute(order));
        }

        @Override
        public void backward(Backward b) {
            int[] inverse = new int[order.length];
            for (int i = 0; i < order.length; i++) {
                inverse[order[i]] = i;
            }
            b.pass(0, b.dy().permute(inverse));
        }
    }

    /** Part of one dimension, without a copy. */
    record Slice(int dim, long from, long to) implements ShapeOp {
        @Override
        public void forward(Forward f) {
            f.require(
                    dim < f.in(0).rank()
                            && from >= 0
                            && from <= to
                            && to <= f.in(0).size(dim),
                    "no such slice");
            f.alias(0, f.in(0).slice(dim, from, to));
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().addScaled(b.dy(), 1, b.accumulate(0).slice(dim, from, to));
        }
    }

    /**
     * Parts of one dimension, all of it, without a copy: as slices, but that the gradient is put together in one go and never
     * begins as zeros.
     */
    record Split(int dim, long... sizes) implements ShapeOp {
        @Override
        public void forward(Forward f) {
            f.require(Arrays.stream(sizes).sum() == f.in(0).size(dim), "the parts must be all of dimension " + dim);
            long at = 0;
            for (long size : sizes) {
                f.alias(0, f.in(0).slice(dim, at, at + size));
                at += size;
            }
        }

        @Override
        public void backward(Backward b) {
            View dx = b.into(0);
            List<View> from = new ArrayList<>();
            List<View> to = new ArrayList<>();
            long at = 0;
            for (int i = 0; i < sizes.length; i++) {
                View own = dx.slice(dim, at, at + sizes[i]);
                View dy = b.dyOrNull(i);
                if (dy == null) {
                    b.k().elementwise().fill(own, 0);
                } else {
                    from.add(dy);
                    to.add(own);
                }
                at += sizes[i];
            }
            b.k().elementwise().copies(from.toArray(View[]::new), to.toArray(View[]::new));
        }
    }

    /** Inputs one behind the other along one dimension. */
    record Concat(int dim) implements ShapeOp {
        @Override
        public void forward(Forward f) {
            long[] shape = f.in(0).shape();
            shape[dim] = 0;
            for (int i = 0; i < f.count(); i++) {
                long[] s = f.in(i).shape();
                shape[dim] += s[dim];
                s[dim] = shape[dim];
                f.require(Arrays.equals(s, shape), "all sizes but that of dimension " + dim + " must agree");
            }
            View y = f.out(shape);
            View[] from = new View[f.count()];
            View[] to = new View[f.count()];
            long at = 0;
            for (int i = 0; i < f.count(); i++) {
                from[i] = f.in(i);
                to[i] = y.slice(dim, at, at + from[i].size(dim));
                at += from[i].size(dim);
            }
            f.k().elementwise().copies(from, to);
        }

        @Override
        public void backward(Backward b) {
            long at = 0;
            for (int i = 0; i < b.count(); i++) {
                long n = b.shape(i)[dim];
                if (b.wants(i)) {
                    b.pass(i, b.dy().slice(dim, at, at + n));
                }
                at += n;
            }
        }
    }

    /**
     * Equal parts of x along its first dimension, put together anew: {@code parts[r][c]} is the number of the one at place r
     * along the first dimension and c along the last.
     *
     * @param of how many parts x has
     */
    record Mosaic(int of, int[][] parts) implements ShapeOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            f.require(x.size(0) % of == 0, "the first dimension must divide into " + of + " parts");
            long[] shape = x.shape();
            shape[0] = x.size(0) / of * parts.length;
            shape[shape.length - 1] *= parts[0].length;
            View y = f.out(shape);
            List<View> from = new ArrayList<>();
            List<View> to = new ArrayList<>();
            for (int r = 0; r < parts.length; r++) {
                for (int c = 0; c < parts[r].length; c++) {
                    from.add(part(x, parts[r][c], of));
                    to.add(place(y, r, c));
                }
            }
            f.k().elementwise().copies(from.toArray(View[]::new), to.toArray(View[]::new));
        }

        /** Each part's gradient is written once, from the first two places of it, and the rest is added. */
        @Override
        public void backward(Backward b) {
            View dx = b.into(0);
            Elementwise e = b.k().elementwise();
            List<View> first = new ArrayList<>();
            List<View> second = new ArrayList<>();
            List<View> pairs = new ArrayList<>();
            for (int i = 0; i < of; i++) {
                List<View> places = places(b.dy(), i);
                View own = part(dx, i, of);
                if (places.isEmpty()) {
                    e.fill(own, 0);
                } else if (places.size() == 1) {
                    e.copy(places.getFirst(), own);
                } else {
                    first.add(places.get(0));
                    second.add(places.get(1));
                    pairs.add(own);
                }
            }
            e.sums(first.toArray(View[]::new), second.toArray(View[]::new), pairs.toArray(View[]::new));
            for (int i = 0; i < of; i++) {
                List<View> places = places(b.dy(), i);
                for (int j = 2; j < places.size(); j++) {
                    e.addScaled(places.get(j), 1, part(dx, i, of));
                }
            }
        }

        /** Where part i went. */
        private List<View> places(View y, int i) {
            List<View> places = new ArrayList<>();
            for (int r = 0; r < parts.length; r++) {
                for (int c = 0; c < parts[r].length; c++) {
                    if (parts[r][c] == i) {
                        places.add(place(y, r, c));
                    }
                }
            }
            return places;
        }

        private View place(View y, int r, int c) {
            long width = y.size(-1) / parts[0].length;
            return part(y, r, parts.length).slice(y.rank() - 1, c * width, (c + 1) * width);
        }

        private static View part(View x, int i, int n) {
            return Convolution.part(x, i, n);
        }
    }

    /** Rows by index: y[i] = x[index[i]]; indices I64 as input 1. */
    record Gather() implements ShapeOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View index = f.in(1);
            f.require(index.dtype() == DType.I64 && index.rank() == 1, "the index must be I64 [n]");
            long[] shape = x.shape();
            shape[0] = index.size(0);
            for (long i = 0; i < index.size(0); i++) {
                long row = index.getLong(i);
                f.require(row >= 0 && row < x.size(0), "no row " + row);
            }
            f.k().elementwise().gather(x, index, f.out(shape));
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().scatterAdd(b.dy(), b.kept(0), b.accumulate(0));
        }
    }
}
