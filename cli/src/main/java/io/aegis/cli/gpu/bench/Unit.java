package io.aegis.cli.gpu.bench;

/** How a time becomes a figure. */
public enum Unit {
    TERAFLOPS("TFLOP/s", true),
    GIGABYTES("GB/s", true),
    TOKENS("tokens/s", true),
    MILLISECONDS("ms", false),
    MICROSECONDS("us", false);

    private final String text;
    private final boolean more;

    Unit(String text, boolean more) {
        this.text = text;
        this.more = more;
    }

    /** Whether a larger figure is a better one. */
    public boolean more() {
        return more;
    }

    /**
     * The figure of a call.
     *
     * @param amount operations, bytes or tokens of the call
     */
    public double figure(double amount, double seconds) {
        return switch (this) {
            case TERAFLOPS -> amount / seconds / 1e12;
            case GIGABYTES -> amount / seconds / 1e9;
            case TOKENS -> amount / seconds;
            case MILLISECONDS -> 1e3 * seconds;
            case MICROSECONDS -> 1e6 * seconds;
        };
    }

    @Override
    public String toString() {
        return text;
    }
}
