package io.aegis.training;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Keeps gradients within half precision while they go back (Micikevicius et al., arXiv 1710.03740, section 3.2). They are
 * operands of products there, a mean over many tokens makes them small, and half precision has nothing between 0 and 2^-24 =
 * 6e-8, and fewer digits below 2^-14 = 6e-5. So losses are multiplied by a power of two, and gradients, which are float32
 * again, divided by it before anything else is done with them: both are exact. Where a gradient overflows, its update is not
 * made: the scale is halved and the same update computed again, so that a run is the one that began with a scale that holds,
 * and no batch is lost. (PyTorch's {@code GradScaler} drops the batch; batch norm's running statistics keep it.) After 2000
 * updates in a row without that the scale is doubled; it begins at 65536, as PyTorch's.
 *
 * <p>As tensors of a file: {@code loss_scale/scale} F64 [1], {@code loss_scale/good} I64 [1], updates since it last changed,
 * and {@code loss_scale/changes} F64 [n, 3], if it ever changed.
 */
public final class LossScale {
    /** Of a run's folder: every change, for people. */
    public static final String FILE = "loss_scale.csv";
    /** What may help beside a lower learning rate, where a number was none. */
    public static final String REMEDY = ", or --dtype bf16 or f32: float16 has no number above 65504";

    private static final double START = 65536;
    private static final int PATIENCE = 2000;
    /** Far above any that is needed: gradients that are all zeros never overflow. */
    private static final double LARGEST = 0x1p40;

    private static final String PREFIX = "loss_scale/";
    private static final String SCALE = PREFIX + "scale";
    private static final String GOOD = PREFIX + "good";
    private static final String CHANGES = PREFIX + "changes";

    private final List<Change> changes = new ArrayList<>();
    private final int patience;
    private double scale;
    private long good;

    /**
     * That it is another from now on.
     *
     * @param step at which gradients overflowed, or behind which it was doubled; counted from 1
     * @param before what it was
     * @param after what it became
     */
    public record Change(long step, double before, double after) {
        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "loss scale %.0f rather than %.0f: %s",
                    after,
                    before,
                    after < before
                            ? "gradients of step " + step + " overflowed, it is computed again"
                            : "no gradient overflowed for long");
        }
    }

    /**
     * @param start a power of two, at least 1
     * @param patience updates in a row after which it doubles
     * @throws IllegalArgumentException for another start
     */
    public LossScale(double start, int patience) {
        requirePower(start);
        this.scale = start;
        this.patience = patience;
    }

    /** For kernels that round operands to this type: one at its start for F16, none for those with float32's range. */
    public static Optional<LossScale> of(DType operands) {
        return operands == DType.F16 ? Optional.of(new LossScale(START, PATIENCE)) : Optional.empty();
    }

    /** What a loss is multiplied by. */
    public double factor() {
        return scale;
    }

    /** How it came to be what it is, in order. */
    public List<Change> changes() {
        return List.copyOf(changes);
    }

    /** Makes gradients those of losses that were not scaled, in place; exact but for what float32 has not. Inside a scope. */
    public void unscale(Iterable<View> gradients) {
        gradients.forEach(g -> elementwise().affine(g, 1 / scale, 0, g));
    }

    /** The first of some parameters whose gradient holds an infinity or NaN, scaled or not; inside a scope. */
    public static Optional<Parameter> overflowed(Map<Parameter, View> gradients) {
        Optimizer o = Scope.current().kernels().optimizer();
        // On a GPU all of them are waited for once; which one it was is seldom asked.
        if (Double.isFinite(o.squares(List.copyOf(gradients.values())))) {
            return Optional.empty();
        }
        return gradients.entrySet().stream()
                .filter(g -> !Double.isFinite(o.squares(g.getValue())))
                .map(Map.Entry::getKey)
                .findFirst();
    }

    /** Says that an update was made. */
    public void passed(long step) {
        good++;
        if (good >= patience && scale < LARGEST) {
            change(step, 2 * scale);
        }
    }

    /**
     * Halves it, after a gradient overflowed.
     *
     * @param step from 0
     * @param where the parameter whose gradient it was
     * @throws ArithmeticException when it is 1 already: then it is not the scale's doing
     */
    public void halve(long step, Parameter where) {
        if (scale <= 1) {
            throw new ArithmeticException(
                    "the gradient of " + where.name() + " is infinite or NaN even with a loss scale of 1");
        }
        change(step, scale / 2);
    }

    private void change(long step, double to) {
        changes.add(new Change(step + 1, scale, to));
        scale = to;
        good = 0;
    }

    /** Header and a line for each change. */
    public String csv() {
        StringBuilder out = new StringBuilder("step,before,after\n");
        changes.forEach(c -> out.append(c.step + "," + c.before + "," + c.after + "\n"));
        return out.toString();
    }

    /** All of it for a file. */
    public List<StoredTensor> tensors(Arena arena) {
        List<StoredTensor> out = new ArrayList<>();
        View now = View.allocate(arena, DType.F64, 1);
        now.setAt(0, scale);
        out.add(StoredTensor.of(SCALE, now, arena));
        View count = View.allocate(arena, DType.I64, 1);
        count.setLongAt(0, good);
        out.add(StoredTensor.of(GOOD, count, arena));
        if (!changes.isEmpty()) {
            View all = View.allocate(arena, DType.F64, changes.size(), 3);
            for (int i = 0; i < changes.size(); i++) {
                all.setAt(3 * i, changes.get(i).step);
                all.setAt(3 * i + 1, changes.get(i).before);
                all.setAt(3 * i + 2, changes.get(i).after);
            }
            out.add(StoredTensor.of(CHANGES, all, arena));
        }
        return out;
    }

    /**
     * Takes over what {@link #tensors} wrote; a run that was saved without any goes on with the start.
     *
     * @throws WeightsException when tensors are missing or are no such thing
     */
    public void restore(Checkpoint c) {
        if (!c.has(SCALE)) {
            return;
        }
        try {
            double stored = Views.of(c, SCALE).getAt(0);
            requirePower(stored);
            scale = stored;
            good = Views.of(c, GOOD).getLongAt(0);
            changes.clear();
            if (c.has(CHANGES)) {
                double[] all = Views.of(c, CHANGES).toDoubles();
                for (int i = 0; i < all.length; i += 3) {
                    changes.add(new Change((long) all[i], all[i + 1], all[i + 2]));
                }
            }
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw WeightsException.of(c.path(), SCALE, "is no loss scale: " + e.getMessage());
        }
    }

    /** Only powers of two multiply and divide without rounding. */
    private static void requirePower(double some) {
        if (!(some >= 1 && some <= LARGEST) || some != Math.scalb(1.0, Math.getExponent(some))) {
            throw new IllegalArgumentException("loss scale " + some + "; expected a power of two from 1 to " + LARGEST);
        }
    }

    private static Elementwise elementwise() {
        return Scope.current().kernels().elementwise();
    }
}
