package io.aegis.tensor;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.View;

/** Convolutions, channels last. */
sealed interface ConvolutionOp extends Op {
    /** x [B, H, W, C], weight [O, C / groups, kh, kw], bias [O] or absent; y [B, H', W', O]. */
    record Conv2d(Geometry geometry) implements ConvolutionOp {
        @Override
        public void forward(Forward f) {
            View x = f.in(0);
            View w = f.in(1);
            f.require(x.rank() == 4 && w.rank() == 4, "a picture [B, H, W, C] and a weight [O, C / groups, kh, kw]");
            f.require(x.size(3) == w.size(1) * geometry.groups(), "channels of picture and weight must agree");
            long h = geometry.out(x.size(1), w.size(2));
            long wide = geometry.out(x.size(2), w.size(3));
            f.require(h > 0 && wide > 0, "the kernel must fit into the padded picture");
            View y = f.out(x.size(0), h, wide, w.size(0));
            f.k().convolution().forward(x, w, f.optional(2), geometry, y);
            f.keepInput(1);
            if (f.wants(1)) {
                f.keepInput(0);
            }
        }

        @Override
        public void backward(Backward b) {
            if (b.wants(0)) {
                b.k().convolution().backwardInput(b.dy(), b.kept(0), geometry, b.into(0));
            }
            if (b.wants(1)) {
                b.k().convolution().backwardWeight(b.kept(1), b.dy(), geometry, b.into(1), b.into(2));
            } else if (b.wants(2)) {
                View dy = b.dy();
                View d = b.into(2);
                b.k().reduction().sum(dy, 1, false, d.reshape(1, 1, 1, d.elements()));
            }
        }
    }

    /** The kernel whose plain convolution is the central-difference convolution of this one. */
    record CentralDifference(double theta) implements ConvolutionOp {
        @Override
        public void forward(Forward f) {
            View w = f.in(0);
            f.require(w.rank() == 4 && w.size(2) % 2 == 1 && w.size(3) % 2 == 1, "a kernel with a centre");
            f.k().convolution().centralDifference(w, theta, f.out(w.shape()));
        }

        @Override
        public void backward(Backward b) {
            b.k().convolution().centralDifferenceBackward(b.dy(), theta, b.into(0));
        }
    }
}
