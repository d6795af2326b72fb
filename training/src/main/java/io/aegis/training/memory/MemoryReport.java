package io.aegis.training.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What was planned, and what came of it.
 *
 * @param allowed the plan that the run was let in by, for the longest sequences that its limits allow
 * @param actual the plan for the longest sequence that it learned from
 * @param tensors of {@code actual}: what is counted in {@code counted}
 * @param counted the most that tensors held during an update
 * @param resident the most that was ever resident in this process; 0 where nobody tells
 */
public record MemoryReport(MemoryPlan allowed, MemoryPlan actual, long tensors, long counted, long resident) {
    /** For people: what, and how much. */
    public List<List<String>> rows() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("planned for the longest sequences allowed", Bytes.text(allowed.total())));
        rows.add(List.of("planned for the longest sequence that came", Bytes.text(actual.total())));
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
