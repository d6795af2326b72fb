package io.aegis.training.dadm;

/**
 * Sums of losses over the samples of an epoch so far.
 *
 * @param total of the total loss
 * @param rgb of the modal losses; {@code depth} and {@code infrared} likewise
 * @param samples how many
 */
record LossMeans(double total, double rgb, double depth, double infrared, long samples) {
    static final LossMeans NONE = new LossMeans(0, 0, 0, 0, 0);

    LossMeans plus(DadmStep.Report step, int rows) {
        double[] modal = step.modal();
        return new LossMeans(
                total + rows * step.total(),
                rgb + rows * modal[0],
                depth + rows * modal[1],
                infrared + rows * modal[2],
                samples + rows);
    }

    /** What {@link #parse} reads, exactly. */
    String text() {
        return total + " " + rgb + " " + depth + " " + infrared + " " + samples;
    }

    /** @throws IllegalArgumentException for another text */
    static LossMeans parse(String text) {
        String[] n = text.split(" ", -1);
        if (n.length != 5) {
            throw new IllegalArgumentException("'" + text + "' are no sums of losses");
        }
        return new LossMeans(
                Double.parseDouble(n[0]),
                Double.parseDouble(n[1]),
                Double.parseDouble(n[2]),
                Double.parseDouble(n[3]),
                Long.parseLong(n[4]));
    }
}
