package io.aegis.training.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Round numbers inside a range: 1, 2 or 5 times a power of ten. */
final class Ticks {
    private static final int[] ONE_TWO_FIVE = {1, 2, 5};
    private static final int[] ALL_DIGITS = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    private static final int FEWEST = 2;

    private Ticks() {}

    /**
     * Evenly spaced ticks within [low, high].
     *
     * @param wanted about how many
     */
    static List<Tick> linear(double low, double high, int wanted) {
        double step = step((high - low) / wanted);
        List<Tick> ticks = new ArrayList<>();
        double magnitude = Math.max(Math.abs(low), Math.abs(high));
        long last = (long) Math.floor(high / step + 1e-9);
        for (long k = (long) Math.ceil(low / step - 1e-9); k <= last; k++) {
            ticks.add(new Tick(k * step, label(k * step, step, magnitude)));
        }
        return ticks;
    }

    /** Ticks within [low, high], both positive, for a logarithmic axis: powers of ten where the range has enough. */
    static List<Tick> logarithmic(double low, double high, int wanted) {
        int decades = (int) Math.ceil(Math.log10(high / low) + 1e-9);
        int stride = Math.max(1, (int) Math.ceil(decades / (double) (wanted + 1)));
        List<Tick> powers = logarithmic(low, high, stride, new int[] {1});
        if (powers.size() > FEWEST) {
            return powers;
        }
        List<Tick> some = logarithmic(low, high, 1, ONE_TWO_FIVE);
        if (some.size() >= FEWEST) {
            return some;
        }
        List<Tick> digits = logarithmic(low, high, 1, ALL_DIGITS);
        return digits.size() >= FEWEST ? digits : linear(low, high, wanted);
    }

    /** The round number nearest above a rough step. */
    static double step(double rough) {
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double digit = rough / power;
        return power * (digit <= 1 + 1e-9 ? 1 : digit <= 2 + 1e-9 ? 2 : digit <= 5 + 1e-9 ? 5 : 10);
    }

    /** A number with four significant digits at most, as short as it gets. */
    static String number(double value) {
        double size = Math.abs(value);
        if (value == 0 || size >= 1e-3 && size < 1e5) {
            return plain(new BigDecimal(value).round(new MathContext(4)));
        }
        return scientific(value);
    }

    private static List<Tick> logarithmic(double low, double high, int stride, int[] digits) {
        List<Tick> ticks = new ArrayList<>();
        int first = (int) Math.floor(Math.log10(low) - 1e-9);
        int last = (int) Math.floor(Math.log10(high) + 1e-9);
        for (int power = first; power <= last; power++) {
            if (Math.floorMod(power, stride) != 0) {
                continue;
            }
            for (int digit : digits) {
                double value = Double.parseDouble(digit + "e" + power);
                if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) {
                    ticks.add(new Tick(value, number(value)));
                }
            }
        }
        return ticks;
    }

    private static String label(double value, double step, double magnitude) {
        if (magnitude >= 1e12 || step < 1e-4 && magnitude < 1e-2) {
            return value == 0 ? "0" : scientific(value);
        }
        double unit = magnitude >= 1e9 ? 1e9 : magnitude >= 1e6 ? 1e6 : magnitude >= 1e4 ? 1e3 : 1;
        int decimals = Math.max(0, (int) -Math.floor(Math.log10(step / unit) + 1e-9));
        String digits = String.format(Locale.ROOT, "%." + decimals + "f", value / unit + 0.0);
        String suffix = value == 0 || unit == 1 ? "" : unit == 1e3 ? "k" : unit == 1e6 ? "M" : "G";
        return value == 0 ? "0" : digits + suffix;
    }

    private static String scientific(double value) {
        String[] parts = String.format(Locale.ROOT, "%.3e", value).split("e");
        return plain(new BigDecimal(parts[0])) + "e" + Integer.parseInt(parts[1]);
    }

    private static String plain(BigDecimal value) {
        return value.signum() == 0 ? "0" : value.stripTrailingZeros().toPlainString();
    }
}
