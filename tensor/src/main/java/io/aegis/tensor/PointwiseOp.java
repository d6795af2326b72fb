package io.aegis.tensor;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import java.util.Arrays;

/** Operations element by element. */
sealed interface PointwiseOp extends Op {
    /** a op b, sizes of 1 repeating; each gradient is summed over what was repeated. */
    record Binary(Elementwise.Binary op) implements PointwiseOp {
        @Override
        public void forward(Forward f) {
            f.require(f.in(0).dtype() == f.in(1).dtype(), "dtypes must agree");
            View y = f.out(Shapes.broadcast(f.in(0).shape(), f.in(1).shape()));
            f.k().elementwise().binary(op, f.in(0).expand(y.shape()), f.in(1).expand(y.shape()), y);
            if (op == Elementwise.Binary.MULTIPLY || op == Elementwise.Binary.DIVIDE) {
                f.keepInput(0);
                f.keepInput(1);
            }
        }

        @Override
        public void backward(Backward b) {
            View dy = b.dy();
            Elementwise e = b.k().elementwise();
            switch (op) {
                case ADD -> {
                    unbroadcast(b, 0, dy, 1);
                    unbroadcast(b, 1, dy, 1);
                }
                case SUBTRACT -> {
                    unbroadcast(b, 0, dy, 1);
                    unbroadcast(b, 1, dy, -1);
                }
                case MULTIPLY -> {
                    for (int i = 0; i < 2; i++) {
                        if (b.wants(i)) {
                            View other = b.kept(1 - i).expand(dy.shape());
                            boolean direct = Arrays.equals(b.shape(i), dy.shape());
                            View g = direct ? b.into(i) : b.temporary(dy.dtype(), dy.shape());
                            e.binary(Elementwise.Binary.MULTIPLY, dy, other, g);
                            if (!direct) {
                                unbroadcast(b, i, g, 1);
                            }
                        }
                    }
                }
                case DIVIDE -> {
                    View quotient = b.temporary(dy.dtype(), dy.shape());
                    e.binary(Elementwise.Binary.DIVIDE, dy, b.kept(1).expand(dy.shape()), quotient);
                    if (b.wants(1)) {
                        View g = b.temporary(dy.dtype(), dy.shape());
                        e.binary(
                                Elementwise.Binary.MULTIPLY, quotient, b.kept(0).expand(dy.shape()), g);
                        e.binary(Elementwise.Binary.DIVIDE, g, b.kept(1).expand(dy.shape()), g);
                        unbroadcast(b, 1, g, -1);
                    }
                    unbroadcast(b, 0, quotient, 1);
                }
            }
        }

        /** Adds scale * g, summed over the repeated dimensions, to the gradient of input i. */
        private static void unbroadcast(Backward b, int i, View g, double scale) {
            if (!b.wants(i)) {
                return;
            }
            if (scale == 1 && g == b.dy() && Arrays.equals(b.shape(i), g.shape())) {
                b.pass(i, g);
                return;
            }
            View d = b.into(i);
            b.k().reduction().sum(g, scale, false, d.reshape(Shapes.lead(d.shape(), g.rank())));
        }
    }

    /** scale x + shift. */
    record Affine(double scale, double shift) implements PointwiseOp {
        @Override
        public void forward(Forward f) {
            f.k().elementwise().affine(f.in(0), scale, shift, f.out(f.in(0).shape()));
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().affine(b.dy(), scale, 0, b.into(0));
        }
    }

    /** f(x). */
    record Activate(Activation function) implements PointwiseOp {
        @Override
        public void forward(Forward f) {
            f.k().elementwise().activate(function, f.in(0), f.out(f.in(0).shape()));
            f.keepInput(0);
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().activateBackward(function, b.kept(0), b.dy(), b.into(0));
        }
    }

    /** silu(gate) up. */
    record SiluGate() implements PointwiseOp {
        @Override
        public void forward(Forward f) {
            f.require(f.in(0).sameShape(f.in(1)), "gate and what it gates must have one shape");
            f.k().elementwise().siluGate(f.in(0), f.in(1), f.out(f.in(0).shape()));
            f.keepInput(0);
            f.keepInput(1);
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().siluGateBackward(b.kept(0), b.kept(1), b.dy(), b.into(0), b.into(1));
        }
    }

    /** Inverted dropout with counter-based randomness; input 1 holds the samples' identities, I64 [B], input 2 the step, I64 [1]. */
    record Dropout(double p, long seed, long site) implements PointwiseOp {
        @Override
        public void forward(Forward f) {
            f.require(
                    f.in(1).dtype() == DType.I64
                            && f.in(1).elements() == f.in(0).size(0),
                    "one I64 identity a row");
            f.require(f.in(2).dtype() == DType.I64 && f.in(2).elements() == 1, "one I64 step");
            f.k().elementwise()
                    .dropout(
                            f.in(0),
                            p,
                            seed,
                            f.in(2),
                            f.in(1),
                            site,
                            f.out(f.in(0).shape()));
            f.keepInput(1);
            f.keepInput(2);
        }

        @Override
        public void backward(Backward b) {
            b.k().elementwise().dropout(b.dy(), p, seed, b.kept(1), b.kept(0), site, b.into(0));
        }
    }
}
