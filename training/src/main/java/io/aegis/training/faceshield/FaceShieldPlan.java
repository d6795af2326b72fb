package io.aegis.training.faceshield;

import io.aegis.models.checkpoint.Synthesis;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.Workspace;
import io.aegis.weights.ConfigJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory of a run that nobody has begun: no weight is read, and none is made.
 *
 * @param plan for the longest sequences that are allowed
 * @param verdict whether it fits, and what would make it fit; for people, empty without a budget
 */
public record FaceShieldPlan(MemoryPlan plan, List<String> verdict) {
    /**
     * Of a model in a folder, as training would start from it.
     *
     * @param device whose kernels compute
     * @param budget what it may hold, or null when nobody knows
     * @throws io.aegis.weights.WeightsException when the model cannot be read
     */
    public static FaceShieldPlan of(
            Path model, FaceShieldTrainingOptions options, Workspace device, MemoryBudget budget) {
        try (BaseModel base = BaseModel.open(model)) {
            return of(StoredWeights.of(base), options, device, budget);
        }
    }

    /**
     * Of a model that is known by its {@code config.json} alone.
     *
     * @param form how its weights would be stored
     */
    public static FaceShieldPlan of(
            ConfigJson config,
            Synthesis form,
            FaceShieldTrainingOptions options,
            Workspace device,
            MemoryBudget budget) {
        return of(StoredWeights.of(config, form), options, device, budget);
    }

    private static FaceShieldPlan of(
            StoredWeights stored, FaceShieldTrainingOptions options, Workspace device, MemoryBudget budget) {
        MemoryBudget any = new MemoryBudget(Long.MAX_VALUE, false);
        FaceShieldPlanner planner = new FaceShieldPlanner(stored, options, device, budget == null ? any : budget);
        MemoryPlan plan = planner.choose().plan();
        List<String> verdict = new ArrayList<>();
        if (budget != null) {
            verdict.add(budget.verdict(plan));
            if (!budget.fits(plan)) {
                verdict.add("  " + planner.remedies());
            }
        }
        return new FaceShieldPlan(plan, verdict);
    }

    /** Lines for a terminal. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>(plan.lines());
        lines.addAll(verdict);
        return lines;
    }
}
