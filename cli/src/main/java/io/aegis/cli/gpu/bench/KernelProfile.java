package io.aegis.cli.gpu.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a device's counters said of a kernel's longest launch.
 *
 * @param kernel its entry
 * @param launches that were looked at
 * @param counters of the longest; those that the device has
 */
record KernelProfile(String kernel, int launches, Map<Counter, Double> counters) {
    /** What is counted, by Nsight Compute's names. */
    enum Counter {
        TIME("gpu__time_duration.sum", "us", 1e-3),
        MULTIPROCESSORS("sm__throughput.avg.pct_of_peak_sustained_elapsed", "% of the multiprocessors' peak", 1),
        MATRIX_UNITS(
                "sm__inst_executed_pipe_tensor.avg.pct_of_peak_sustained_active", "% of the matrix units' issue", 1),
        MEMORY("dram__throughput.avg.pct_of_peak_sustained_elapsed", "% of the memory's peak", 1),
        CACHE("lts__throughput.avg.pct_of_peak_sustained_elapsed", "% of the L2 cache's peak", 1),
        WARPS("sm__warps_active.avg.pct_of_peak_sustained_active", "% of all warps resident", 1),
        REGISTERS("launch__registers_per_thread", "registers", 1);

        private final String metric;
        private final String unit;
        private final double scale;

        Counter(String metric, String unit, double scale) {
            this.metric = metric;
            this.unit = unit;
            this.scale = scale;
        }

        String metric() {
            return metric;
        }

        private String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final List<String> COLUMNS = List.of("ID", "Kernel Name", "Metric Name", "Metric Value");

    /** One launch. */
    private record Launch(String kernel, Map<Counter, Double> counters) {
        double time() {
            return counters.getOrDefault(Counter.TIME, 0.0);
        }
    }

    /**
     * Reads what {@code ncu --csv} printed, other lines around it.
     *
     * @throws IllegalArgumentException when a line of its table has another number of fields than the head, or a number is none
     */
    static List<KernelProfile> of(String printed) {
        List<String> head = null;
        Map<String, Launch> launches = new LinkedHashMap<>();
        for (String line : printed.lines().toList()) {
            if (!line.startsWith("\"")) {
                continue;
            }
            List<String> fields = fields(line);
            if (head == null || fields.equals(head)) {
                head = fields.containsAll(COLUMNS) ? fields : null;
                continue;
            }
            if (fields.size() != head.size()) {
                throw new IllegalArgumentException(
                        "a line of " + fields.size() + " fields, expected " + head.size() + ": " + line);
            }
            String name = fields.get(head.indexOf("Kernel Name"));
            String kernel = name.contains("(") ? name.substring(0, name.indexOf('(')) : name;
            Launch launch = launches.computeIfAbsent(
                    fields.get(head.indexOf("ID")), id -> new Launch(kernel, new EnumMap<>(Counter.class)));
            String metric = fields.get(head.indexOf("Metric Name"));
            String value = fields.get(head.indexOf("Metric Value"));
            Arrays.stream(Counter.values())
                    .filter(c -> c.metric.equals(metric))
                    .forEach(c -> number(value, c, launch.counters));
        }
        Map<String, List<Launch>> byKernel = launches.values().stream()
                .collect(Collectors.groupingBy(Launch::kernel, LinkedHashMap::new, Collectors.toList()));
        List<KernelProfile> all = new ArrayList<>();
        byKernel.forEach((kernel, own) -> {
            Launch longest = own.getFirst();
            for (Launch l : own) {
                longest = l.time() > longest.time() ? l : longest;
            }
            all.add(new KernelProfile(kernel, own.size(), longest.counters));
        });
        return all;
    }

    /** Thousands have commas; what a device does not count is {@code n/a} or nothing. */
    private static void number(String text, Counter counter, Map<Counter, Double> into) {
        if (!text.isBlank() && !text.equals("n/a")) {
            try {
                into.put(counter, counter.scale * Double.parseDouble(text.replace(",", "")));
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(counter.metric + " is '" + text + "', expected a number", e);
            }
        }
    }

    /** Of a line of CSV: quotes around each, two of them inside for one. */
    private static List<String> fields(String line) {
        List<String> out = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '"' && quoted && i + 1 < line.length() && line.charAt(i + 1) == '"') {
                field.append(c);
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                out.add(field.toString());
                field.setLength(0);
            } else {
                field.append(c);
            }
        }
        out.add(field.toString());
        return out;
    }

    /** Writes what there is; {@link #of(JsonNode)} reads it. */
    void into(ObjectNode o) {
        o.put("kernel", kernel).put("launches", launches);
        counters.forEach((c, x) -> o.put(c.key(), x));
    }

    static KernelProfile of(JsonNode o) {
        Map<Counter, Double> counters = new EnumMap<>(Counter.class);
        for (Counter c : Counter.values()) {
            if (o.has(c.key())) {
                counters.put(c, o.path(c.key()).asDouble());
            }
        }
        return new KernelProfile(o.path("kernel").asText(), o.path("launches").asInt(), counters);
    }

    /** For people. */
    @Override
    public String toString() {
        return kernel + ", the longest of " + launches + ": "
                + counters.entrySet().stream()
                        .map(e -> Result.digits(e.getValue()) + " " + e.getKey().unit)
                        .collect(Collectors.joining(", "));
    }
}
