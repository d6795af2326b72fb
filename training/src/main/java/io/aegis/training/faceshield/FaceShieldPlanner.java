package io.aegis.training.faceshield;

import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.training.TrainingException;
import io.aegis.training.memory.Bytes;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.Workspace;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * Chooses what has no influence on the result, so that a run fits: how many blocks are computed again. What has one is
 * proposed, not chosen.
 */
final class FaceShieldPlanner {
    private static final int LEAST_RANK = 8;

    private final StoredWeights stored;
    private final FaceShieldTrainingOptions options;
    private final Workspace workspace;
    private final MemoryBudget budget;

    /**
     * What was chosen.
     *
     * @param checkpointed blocks of the language model that are computed again, from the first on
     * @param plan with these, for the longest lessons that are allowed
     */
    record Choice(int checkpointed, MemoryPlan plan) {}

    FaceShieldPlanner(
            StoredWeights stored, FaceShieldTrainingOptions options, Workspace workspace, MemoryBudget budget) {
        this.stored = stored;
        this.options = options;
        this.workspace = workspace;
        this.budget = budget;
    }

    /**
     * The plan of the run, whether it fits or not. All blocks are computed again where the options say so, but for a budget
     * that was asked for, which is used: then as few as fit.
     */
    Choice choose() {
        LessonSize size = LessonSize.allowed(stored.config(), options.limits());
        FaceShieldMemory memory = new FaceShieldMemory(stored, options, workspace);
        int layers = stored.config().language().layers();
        if (!options.limits().checkpointed()) {
            return new Choice(0, memory.plan(size, 0));
        }
        int fewest = budget.asked() ? fewest(layers, k -> memory.plan(size, k)) : layers;
        return new Choice(fewest, memory.plan(size, fewest));
    }

    /** From one on each further block saves; the first may cost more than it saves. */
    private int fewest(int layers, IntFunction<MemoryPlan> plan) {
        if (budget.fits(plan.apply(0))) {
            return 0;
        }
        int low = 1;
        int high = layers;
        while (low < high) {
            int middle = (low + high) / 2;
            if (budget.fits(plan.apply(middle))) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /**
     * The plan of a run that fits.
     *
     * @throws TrainingException when it does not, with its largest parts and what would make it fit
     */
    Choice require() {
        Choice choice = choose();
        if (!budget.fits(choice.plan)) {
            throw new TrainingException("training would hold " + Bytes.text(choice.plan.total()) + ", more than "
                    + budget + "; the largest parts: " + choice.plan.largest(3) + "; " + remedies());
        }
        return choice;
    }

    /** What would make it fit: each remedy that does alone, or else what all of them come to. */
    String remedies() {
        Map<String, MemoryPlan> single = new LinkedHashMap<>();
        FaceShieldTrainingOptions.Limits l = options.limits();
        FaceShieldTrainingOptions all = options;
        StoredWeights few = stored;
        if (!l.checkpointed()) {
            all = all.withLimits(new FaceShieldTrainingOptions.Limits(l.length(), l.lanes(), true));
            single.put("--checkpointing", with(stored, all));
        }
        if (l.lanes() > 1) {
            FaceShieldTrainingOptions one =
                    options.withLimits(new FaceShieldTrainingOptions.Limits(l.length(), 1, l.checkpointed()));
            all = all.withLimits(new FaceShieldTrainingOptions.Limits(
                    l.length(), 1, all.limits().checkpointed()));
            single.put("--lanes 1", with(stored, one));
        }
        if (options.stage() == Stage.ADAPTERS && options.lora().rank() > LEAST_RANK) {
            FaceShieldTrainingOptions.Lora low = new FaceShieldTrainingOptions.Lora(
                    LEAST_RANK, options.lora().alpha(), options.lora().dropout());
            all = all.withLora(low);
            single.put("--rank " + LEAST_RANK, with(stored, options.withLora(low)));
        }
        if (options.stage() != Stage.FULL) {
            few = stored.inFewBits(QuantizationRecipe.of(Format.INT4));
            single.put("a base of 4 bits (aegis quantize)", with(few, options));
        }
        length().ifPresent(fits -> single.put("--length " + fits.getKey(), fits.getValue()));
        StringBuilder text = new StringBuilder();
        single.forEach((name, plan) -> {
            if (budget.fits(plan)) {
                text.append(text.isEmpty() ? "it would fit with " : ", or with ")
                        .append(name)
                        .append(" (")
                        .append(Bytes.text(plan.total()))
                        .append(')');
            }
        });
        if (!text.isEmpty()) {
            return text.toString();
        }
        MemoryPlan together = with(few, all);
        String what = String.join(", ", single.keySet());
        return single.isEmpty()
                ? "nothing would make it fit but a smaller model"
                : "with all of " + what + " it would hold " + Bytes.text(together.total());
    }

    private MemoryPlan with(StoredWeights weights, FaceShieldTrainingOptions other) {
        return new FaceShieldPlanner(weights, other, workspace, budget).choose().plan;
    }

    /** The longest sequences that fit, in steps of 16 positions. */
    private Optional<Map.Entry<Integer, MemoryPlan>> length() {
        int low = Math.ceilDiv(stored.config().visionTokens() + 2, 16);
        int high = LessonSize.allowed(stored.config(), options.limits()).positions() / 16;
        Optional<Map.Entry<Integer, MemoryPlan>> best = Optional.empty();
        while (low <= high) {
            int middle = (low + high) / 2;
            FaceShieldTrainingOptions shorter = options.withLimits(new FaceShieldTrainingOptions.Limits(
                    middle * 16, options.limits().lanes(), options.limits().checkpointed()));
            MemoryPlan plan = with(stored, shorter);
            if (budget.fits(plan)) {
                best = Optional.of(Map.entry(middle * 16, plan));
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return best;
    }
}
