package io.aegis.cli.gpu.bench;

import java.util.Locale;

/**
 * What a row is held to, for an H200.
 *
 * @param atLeast the figure, or its share of the ceiling, that it must have
 * @param aim what it should have; NaN where no more is asked than {@code atLeast}
 * @param share whether both are shares of the row's ceiling rather than figures in its unit
 * @param source where the numbers are from, when it is not the project's list of goals; or empty
 */
public record Goal(double atLeast, double aim, boolean share, String source) {
    /** Nothing is asked. */
    public static final Goal NONE = new Goal(Double.NaN, Double.NaN, false, "");

    static Goal of(double atLeast, double aim) {
        return new Goal(atLeast, aim, false, "");
    }

    static Goal atLeast(double figure) {
        return new Goal(figure, Double.NaN, false, "");
    }

    static Goal shareAtLeast(double share) {
        return new Goal(share, Double.NaN, true, "");
    }

    /** No slower than something that took so many milliseconds. */
    static Goal fasterThan(double milliseconds, String source) {
        return new Goal(milliseconds, Double.NaN, false, source);
    }

    static Goal ofCeiling(double atLeast, double aim) {
        return new Goal(atLeast, aim, true, "");
    }

    /** So many times as fast as something that took so many milliseconds. */
    static Goal faster(double milliseconds, double atLeast, double aim, String source) {
        return new Goal(milliseconds / atLeast, milliseconds / aim, false, source);
    }

    public boolean exists() {
        return !Double.isNaN(atLeast);
    }

    /**
     * Whether a row reached it: {@code aim}, {@code at least}, or how much of the latter; empty where nothing is asked, or what it
     * is a share of was not measured.
     *
     * @param figure in the row's unit
     * @param share of its ceiling, from 0 on; NaN where there is none
     */
    public String verdict(Unit unit, double figure, double share) {
        double got = this.share ? share : figure;
        if (!exists() || Double.isNaN(got)) {
            return "";
        }
        boolean more = this.share || unit.more();
        if (more ? got >= aim : got <= aim) {
            return "aim";
        }
        if (more ? got >= atLeast : got <= atLeast) {
            return "at least";
        }
        return String.format(Locale.ROOT, "no, %.0f %%", 100 * (more ? got / atLeast : atLeast / got));
    }

    /** What is asked, in words. */
    String text() {
        return "asked " + text(atLeast, share) + (Double.isNaN(aim) ? "" : ", aim " + text(aim, share));
    }

    /** For a table: a number in the row's unit, or per cent of the ceiling. */
    static String text(double x, boolean share) {
        if (Double.isNaN(x)) {
            return "";
        }
        return share ? String.format(Locale.ROOT, "%.0f %%", 100 * x) : Result.digits(x);
    }
}
