package io.aegis.kernels.cpu;

/**
 * Which products of bfloat16 there are on this machine.
 *
 * @param product what computes them, or null where float32 is the better choice
 * @param small products of fewer multiply-adds are float32's
 * @param implementation what it is, for people
 * @param reason why this one
 */
record Bfloat(Gemm product, long small, String implementation, String reason) {
    private static final String ROUNDED =
            "operands of products of more than eight rows, of attention of more than one query,"
                    + " and of convolutions by patches";

    /** Below it rounding, and a call of the library, cost more than they save (a Zen 5: NOTES, "bfloat16 on a processor"). */
    private static final long SMALL = 1 << 22;

    /** {@code -Daegis.bf16=emulated} rounds as the hardware would where there is none, to look at its numbers. */
    static Bfloat choose(Gemm floats) {
        Gemm widening = new WideningGemm(floats);
        if ("emulated".equals(System.getProperty("aegis.bf16"))) {
            return new Bfloat(
                    widening,
                    0,
                    widening.description(),
                    "asked for by aegis.bf16=emulated, slower than float32: " + ROUNDED);
        }
        OneDnn.Kind<Gemm> kind = OneDnn.bfloat16(widening);
        if (kind.use() == null) {
            return new Bfloat(null, 0, "as float32", kind.problem());
        }
        return new Bfloat(kind.use(), SMALL, kind.use().description(), "with --dtype bf16: " + ROUNDED);
    }

    /** The same for products of any size. */
    Bfloat everything() {
        return new Bfloat(product, 0, implementation, reason);
    }
}
