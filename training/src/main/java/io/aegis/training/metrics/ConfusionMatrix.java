package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which class was answered for which.
 *
 * @param name the set
 * @param classes all classes, in order
 * @param counts [true class][answered class]; the last column counts answers that name no class
 */
public record ConfusionMatrix(String name, List<String> classes, int[][] counts) {
    /** Heads the column of answers without a class. */
    public static final String NONE = "no answer";

    /**
     * Copies all.
     *
     * @throws IllegalArgumentException for a matrix of another size than the classes, or one without samples
     */
    public ConfusionMatrix {
        classes = List.copyOf(classes);
        int n = classes.size();
        counts = Arrays.stream(counts).map(int[]::clone).toArray(int[][]::new);
        if (counts.length != n || Arrays.stream(counts).anyMatch(r -> r.length != n + 1)) {
            throw new IllegalArgumentException("'" + name + "': a confusion matrix of " + n + " classes has " + n
                    + " rows and " + (n + 1) + " columns");
        }
        if (Arrays.stream(counts).flatMapToInt(Arrays::stream).sum() == 0) {
            throw new IllegalArgumentException("'" + name + "' has no samples to classify");
        }
    }

    @Override
    public int[][] counts() {
        return Arrays.stream(counts).map(int[]::clone).toArray(int[][]::new);
    }

    public int total() {
        return Arrays.stream(counts).flatMapToInt(Arrays::stream).sum();
    }

    /** Share of samples whose answer names their own class. */
    public double accuracy() {
        int right = 0;
        for (int i = 0; i < classes.size(); i++) {
            right += counts[i][i];
        }
        return (double) right / total();
    }

    /** F1 of a class, 2 TP / (2 TP + FP + FN); NaN for one that neither occurs nor is answered. */
    public double f1(int c) {
        int answered = 0;
        for (int[] row : counts) {
            answered += row[c];
        }
        int occurs = Arrays.stream(counts[c]).sum();
        return 2.0 * counts[c][c] / (answered + occurs);
    }

    /** Mean F1 of the classes that occur or are answered, each with the same weight. */
    public double macroF1() {
        double sum = 0;
        int n = 0;
        for (int c = 0; c < classes.size(); c++) {
            double f1 = f1(c);
            if (!Double.isNaN(f1)) {
                sum += f1;
                n++;
            }
        }
        return sum / n;
    }

    /** The heads of {@link #table}. */
    public List<String> header() {
        List<String> header = new ArrayList<>(List.of("true \\ answered"));
        shown().forEach(c -> header.add(classes.get(c)));
        header.addAll(List.of(NONE, "F1"));
        return header;
    }

    /** A row a class that occurs or is answered: its name, its counts, its F1. */
    public List<List<String>> table() {
        List<List<String>> rows = new ArrayList<>();
        for (int c : shown()) {
            List<String> row = new ArrayList<>(List.of(classes.get(c)));
            shown().forEach(d -> row.add(Integer.toString(counts[c][d])));
            row.add(Integer.toString(counts[c][classes.size()]));
            row.add(Numbers.rate(f1(c)));
            rows.add(row);
        }
        return rows;
    }

    private List<Integer> shown() {
        List<Integer> shown = new ArrayList<>();
        for (int c = 0; c < classes.size(); c++) {
            if (!Double.isNaN(f1(c))) {
                shown.add(c);
            }
        }
        return shown;
    }

    /** What a person reads, a row a metric. */
    public List<List<String>> rows() {
        return List.of(
                List.of("samples", Integer.toString(total())),
                List.of("accuracy", Numbers.rate(accuracy())),
                List.of("macro-F1", Numbers.rate(macroF1())),
                List.of(NONE, Integer.toString(unanswered())));
    }

    private int unanswered() {
        return Arrays.stream(counts).mapToInt(r -> r[classes.size()]).sum();
    }

    /** The same for machines; the matrix as {@code {true: {answered: count}}} without zeros. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", name);
        map.put("samples", total());
        map.put("accuracy", accuracy());
        map.put("macro_f1", macroF1());
        map.put("no_answer", unanswered());
        Map<String, Object> f1 = new LinkedHashMap<>();
        Map<String, Object> matrix = new LinkedHashMap<>();
        for (int c : shown()) {
            f1.put(classes.get(c), f1(c));
            Map<String, Object> row = new LinkedHashMap<>();
            for (int d = 0; d <= classes.size(); d++) {
                if (counts[c][d] > 0) {
                    row.put(d < classes.size() ? classes.get(d) : NONE, counts[c][d]);
                }
            }
            matrix.put(classes.get(c), row);
        }
        map.put("f1", f1);
        map.put("confusion", matrix);
        return map;
    }

    @Override
    public String toString() {
        return TextTable.of(name, rows()) + "\n" + TextTable.grid(header(), table());
    }
}
