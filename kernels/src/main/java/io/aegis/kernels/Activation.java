package io.aegis.kernels;

/** Pointwise functions of one variable, with the derivative beside the value. */
public enum Activation {
    /** x. */
    NONE {
        @Override
        public double value(double x) {
            return x;
        }

        @Override
        public double derivative(double x) {
            return 1;
        }
    },
    /** max(x, 0); derivative 0 at 0, as PyTorch. */
    RELU {
        @Override
        public double value(double x) {
            return x > 0 ? x : Double.isNaN(x) ? x : 0;
        }

        @Override
        public double derivative(double x) {
            return x <= 0 ? 0 : 1; // 1 at NaN, which then stays visible in the gradient
        }
    },
    /** The exact GELU, x Phi(x) with the error function. */
    GELU {
        @Override
        public double value(double x) {
            return 0.5 * x * Erf.erfc(-x * Math.sqrt(0.5));
        }

        @Override
        public double derivative(double x) {
            return 0.5 * Erf.erfc(-x * Math.sqrt(0.5)) + x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
        }
    },
    /** CLIP's approximation, x sigmoid(1.702 x). */
    QUICK_GELU {
        @Override
        public double value(double x) {
            return x / (1 + Math.exp(-1.702 * x));
        }

        @Override
        public double derivative(double x) {
            double s = 1 / (1 + Math.exp(-1.702 * x));
            return s + 1.702 * x * s * (1 - s);
        }
    },
    /** The GELU's approximation by tanh, x / 2 (1 + tanh u), u = sqrt(2 / pi) (x + 0.044715 x^3), which is x sigmoid(2u). */
    GELU_TANH {
        @Override
        public double value(double x) {
            return x / (1 + Math.exp(-2 * tanhArgument(x)));
        }

        @Override
        public double derivative(double x) {
            double s = 1 / (1 + Math.exp(-2 * tanhArgument(x)));
            return s + 2 * x * s * (1 - s) * ROOT_2_BY_PI * (1 + 3 * CUBIC * x * x);
        }
    },
    /** x sigmoid(x), also called swish. */
    SILU {
        @Override
        public double value(double x) {
            return x / (1 + Math.exp(-x));
        }

        @Override
        public double derivative(double x) {
            double s = 1 / (1 + Math.exp(-x));
            return s * (1 + x * (1 - s));
        }
    },
    /** 1 / (1 + exp(-x)). */
    SIGMOID {
        @Override
        public double value(double x) {
            return 1 / (1 + Math.exp(-x));
        }

        @Override
        public double derivative(double x) {
            double s = 1 / (1 + Math.exp(-x));
            return s * (1 - s);
        }
    },
    /** exp(x). */
    EXP {
        @Override
        public double value(double x) {
            return Math.exp(x);
        }

        @Override
        public double derivative(double x) {
            return Math.exp(x);
        }
    },
    /** Natural logarithm. */
    LOG {
        @Override
        public double value(double x) {
            return Math.log(x);
        }

        @Override
        public double derivative(double x) {
            return 1 / x;
        }
    },
    /** Square root. */
    SQRT {
        @Override
        public double value(double x) {
            return Math.sqrt(x);
        }

        @Override
        public double derivative(double x) {
            return 0.5 / Math.sqrt(x);
        }
    };

    private static final double ROOT_2_BY_PI = Math.sqrt(2 / Math.PI);
    private static final double CUBIC = 0.044715;

    private static double tanhArgument(double x) {
        return ROOT_2_BY_PI * (x + CUBIC * x * x * x);
    }

    /** f(x), in double: the oracle. */
    public abstract double value(double x);

    /** f'(x), in double: the oracle. */
    public abstract double derivative(double x);
}
