package io.aegis.models.dadm;

/**
 * How DADM is trained, where the published code and its evident intention differ. Each component names one difference;
 * {@link #OFFICIAL} keeps the code's behaviour, {@link #INTENDED}, the default, the intention. What both share (the
 * variance penalty called mutual information, the pairing of its terms, the unnormalised angle sums, the largest
 * information mean as the slow modality) is the published method and has no switch.
 *
 * @param trainingMode batch norm with batch statistics and dropout 0.1 while training; the code stays in evaluation mode
 *     after the first prototypes, so its running statistics never move
 * @param regrad which parameters get modulated gradients
 * @param swapPrototypeMomentum the code mixes depth's prototypes with infrared's of the previous batch, and the reverse
 * @param keepAbsentPrototypes a class that is absent from a batch keeps its prototype rather than decaying towards 0
 * @param compositeInfrared prototypes see infrared as (infrared, HOG, PLGF), training and test as plain infrared
 * @param zeroGradientAtPrototype no gradient where a feature equals its prototype; the code's is NaN there
 * @param averageHeads the common head is the mean of the domain heads from the start, not random until the first update
 */
public record Recipe(
        boolean trainingMode,
        Regrad regrad,
        boolean swapPrototypeMomentum,
        boolean keepAbsentPrototypes,
        boolean compositeInfrared,
        boolean zeroGradientAtPrototype,
        boolean averageHeads) {
    /** Which parameters {@link ReGrad} modulates. */
    public enum Regrad {
        /** The code's: its index sticks at the first parameter without a gradient, so only the six input tokens. */
        OFFICIAL,
        /** Every parameter that a modality owns, but none with "fc" in its name, as the code says. */
        FIXED,
        /** As {@link #FIXED}, but only the classification heads are exempt, not the linears inside the masks. */
        FIXED_HEADS_ONLY
    }

    /** What the published code does, as far as it can run. */
    public static final Recipe OFFICIAL = new Recipe(false, Regrad.OFFICIAL, true, false, true, false, false);

    /** What it evidently means. */
    public static final Recipe INTENDED = new Recipe(true, Regrad.FIXED, false, true, false, true, true);

    /** By name, {@code official} or {@code intended}. */
    public static Recipe named(String name) {
        return switch (name) {
            case "official" -> OFFICIAL;
            case "intended" -> INTENDED;
            default -> throw new IllegalArgumentException("recipe '" + name + "': expected intended or official");
        };
    }
}
