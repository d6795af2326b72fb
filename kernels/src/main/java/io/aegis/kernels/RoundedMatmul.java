package io.aegis.kernels;

import java.lang.foreign.Arena;

/**
 * Products of rounded operands and biases, with sums in float32. What is merged behind them meets a rounded product, as it would
 * in a pass of its own.
 */
record RoundedMatmul(Matmul inner, Elementwise elementwise, Rounding rounding) implements Matmul {
    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        try (Arena arena = Arena.ofShared()) {
            inner.multiply(rounding.of(a, arena), rounding.of(b, arena), c, rounded(epilogue, arena));
            merge(c, epilogue, arena);
        }
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        try (Arena arena = Arena.ofShared()) {
            inner.multiplyRows(rounding.of(a, arena), rounding.of(b, arena), c, rounded(epilogue, arena));
            merge(c, epilogue, arena);
        }
    }

    /** All but the other matrix, and what belongs to it. */
    private Epilogue rounded(Epilogue e, Arena arena) {
        Activation f = isGate(e) ? Activation.NONE : e.activation();
        return new Epilogue(rounding.of(e.bias(), arena), f, e.accumulate());
    }

    private static boolean isGate(Epilogue e) {
        return e.merge() == Merge.TIMES && e.activation() == Activation.SILU;
    }

    private void merge(View c, Epilogue e, Arena arena) {
        if (e.other() == null) {
            return;
        }
        rounding.inPlace(c);
        View other = rounding.of(e.other(), arena);
        if (isGate(e)) {
            elementwise.siluGate(c, other, c);
        } else {
            elementwise.binary(
                    e.merge() == Merge.PLUS ? Elementwise.Binary.ADD : Elementwise.Binary.MULTIPLY, c, other, c);
        }
    }
}
