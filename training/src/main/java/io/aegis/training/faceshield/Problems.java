package io.aegis.training.faceshield;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** What is wrong with a data set, sample by sample: the run goes on without those samples and tells at the end. */
public final class Problems {
    private static final int SHOWN = 5;

    private final Map<Problem, List<String>> found = new EnumMap<>(Problem.class);

    /**
     * Notes one.
     *
     * @param where names the sample, and says what was given where that helps
     */
    public void add(Problem kind, String where) {
        found.computeIfAbsent(kind, _ -> new ArrayList<>()).add(where);
    }

    /** Takes over all of another set's. */
    public void addAll(Problems others) {
        others.found.forEach((kind, where) -> where.forEach(w -> add(kind, w)));
    }

    public boolean isEmpty() {
        return found.isEmpty();
    }

    /** Samples of one kind. */
    public List<String> of(Problem kind) {
        return List.copyOf(found.getOrDefault(kind, List.of()));
    }

    public int count() {
        return found.values().stream().mapToInt(List::size).sum();
    }

    /** A row a sample: what is wrong, and where. */
    public List<List<String>> rows() {
        List<List<String>> rows = new ArrayList<>();
        found.forEach((kind, where) -> where.forEach(w -> rows.add(List.of(kind.toString(), w))));
        return rows;
    }

    /** A line a kind, with its count and the first few samples; empty when there is none. */
    public List<String> summary() {
        List<String> lines = new ArrayList<>();
        found.forEach((kind, where) -> {
            int shown = Math.min(SHOWN, where.size());
            String more = where.size() > shown ? "; and " + (where.size() - shown) + " more" : "";
            lines.add("left out, " + kind + ": " + where.size() + " (" + String.join("; ", where.subList(0, shown))
                    + more + ")");
        });
        return lines;
    }
}
