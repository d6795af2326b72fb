package io.aegis.training.memory;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What a run will hold in memory at the most, part by part.
 *
 * @param title what it is of, with all that was chosen
 * @param parts which add up
 */
public record MemoryPlan(String title, List<Part> parts) {
    private static final int WIDTH = 44;

    /**
     * One part.
     *
     * @param name what it is
     * @param detail of what it consists, for people; may be empty
     * @param bytes of memory
     * @param of what it is made up of, where that is worth knowing; adds up to it
     */
    public record Part(String name, String detail, long bytes, List<Part> of) {
        public Part {
            of = List.copyOf(of);
        }

        public Part(String name, String detail, long bytes) {
            this(name, detail, bytes, List.of());
        }
    }

    public MemoryPlan {
        parts = List.copyOf(parts);
    }

    public long total() {
        return parts.stream().mapToLong(Part::bytes).sum();
    }

    /** Bytes of the parts of some name; 0 when there is none. */
    public long of(String name) {
        return parts.stream()
                .filter(p -> p.name.equals(name))
                .mapToLong(Part::bytes)
                .sum();
    }

    /** The largest parts, for a person who has too little memory. */
    public String largest(int count) {
        return String.join(
                ", ",
                parts.stream()
                        .sorted(Comparator.comparingLong(Part::bytes).reversed())
                        .limit(count)
                        .map(p -> p.name + " " + Bytes.text(p.bytes))
                        .toList());
    }

    /** Lines for a terminal. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>(List.of(title));
        for (Part part : parts) {
            lines.add(line("  ", part));
            part.of.forEach(p -> lines.add(line("    ", p)));
        }
        lines.add(line("  ", new Part("total", "", total())));
        return lines;
    }

    private static String line(String indent, Part part) {
        String bytes = Bytes.text(part.bytes);
        String name = indent + part.name;
        String gap = " ".repeat(Math.max(1, WIDTH + 12 - name.length() - bytes.length()));
        return (name + gap + bytes + (part.detail.isEmpty() ? "" : "  " + part.detail)).stripTrailing();
    }
}
