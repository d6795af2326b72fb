package io.aegis.kernels;

import java.lang.foreign.Arena;

/** Products of rounded operands and biases, with sums in float32. */
record RoundedMatmul(Matmul inner, Rounding rounding) implements Matmul {
    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        try (Arena arena = Arena.ofShared()) {
            inner.multiply(rounding.of(a, arena), rounding.of(b, arena), c, rounded(epilogue, arena));
        }
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        try (Arena arena = Arena.ofShared()) {
            inner.multiplyRows(rounding.of(a, arena), rounding.of(b, arena), c, rounded(epilogue, arena));
        }
    }

    private Epilogue rounded(Epilogue epilogue, Arena arena) {
        return new Epilogue(rounding.of(epilogue.bias(), arena), epilogue.activation(), epilogue.accumulate());
    }
}
