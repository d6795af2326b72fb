package io.aegis.training.memory;

import io.aegis.weights.AtomicFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What was planned, and what came of it.
 *
 * @param allowed the plan that the run was let in by, for the longest sequences that its limits allow
 * @param longest the plan for the longest sequence that it learned from; empty where all are as long
 * @param tensors of an update, as planned for what it learned from
 * @param counted the most that tensors held during an update
 * @param resident the most that was ever resident in this process; 0 where nobody tells
 */
public record MemoryReport(
        MemoryPlan allowed, Optional<MemoryPlan> longest, long tensors, long counted, long resident) {
    /** A run's file that holds it; reports are the same whenever a run is repeated, and this is not. */
    public static final String FILE = "memory.txt";

    /** Replaces the file in a run's folder. */
    public void write(Path file) {
        List<String> lines = new ArrayList<>(allowed.lines());
        lines.add("");
        rows().forEach(row -> lines.add(row.getFirst() + ": " + row.getLast()));
        AtomicFile.write(file, String.join("\n", lines) + "\n");
    }

    /** For people: what, and how much. */
    public List<List<String>> rows() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("planned", Bytes.text(allowed.total())));
        longest.ifPresent(
                plan -> rows.add(List.of("planned for the longest sequence that came", Bytes.text(plan.total()))));
        rows.add(List.of("of which tensors of an update", Bytes.text(tensors)));
        String share = counted == 0 ? "" : String.format(Locale.ROOT, " (%.1f %%)", 100.0 * counted / tensors);
        rows.add(List.of("tensors of an update, counted", counted == 0 ? "no update" : Bytes.text(counted) + share));
        if (resident > 0) {
            rows.add(List.of("most that was resident in the process", Bytes.text(resident)));
        }
        return rows;
    }

    /** One line. */
    public String line() {
        return String.join(
                "; ", rows().stream().map(r -> r.getFirst() + " " + r.getLast()).toList());
    }
}
