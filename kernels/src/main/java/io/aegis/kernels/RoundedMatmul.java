package io.aegis.kernels;

import java.lang.foreign.Arena;

/**
 * Products of rounded operands and biases, with sums in float32. An activation and what is merged behind them meet a rounded product,
 * as they would in a pass of their own.
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

    /** The bias alone. */
    private Epilogue rounded(Epilogue e, Arena arena) {
        return new Epilogue(rounding.of(e.bias(), arena), Activation.NONE, e.accumulate());
    }

    private static boolean isGate(Epilogue e) {
        return e.merge() == Merge.TIMES && e.activation() == Activation.SILU;
    }

    private void merge(View c, Epilogue e, Arena arena) {
        if (e.activation() != Activation.NONE && !isGate(e)) {
            rounding.inPlace(c);
            elementwise.activate(e.activation(), c, c);
        }
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
