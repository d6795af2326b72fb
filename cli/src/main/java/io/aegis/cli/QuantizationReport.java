package io.aegis.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.models.checkpoint.QuantizedModel;
import io.aegis.training.faceshield.FaceShieldEvaluation;
import io.aegis.training.metrics.TextTable;
import io.aegis.training.quantization.QuantizationExam;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.Quantization;
import io.aegis.weights.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * What quantising a model lost, as text and as {@code quantization.json} in its folder.
 *
 * @param source the folder that was quantised
 * @param exam what both models expect of the same inputs; empty until it was found out
 * @param before what the source reaches on the data that were given, and after, what its twin does; empty without data
 */
record QuantizationReport(
        Path source,
        QuantizedModel.Result result,
        Optional<QuantizationExam.Outcome> exam,
        Optional<FaceShieldEvaluation> before,
        Optional<FaceShieldEvaluation> after) {
    private static final String FILE = "quantization.json";
    private static final int WORST = 5;

    QuantizationReport(Path source, QuantizedModel.Result result) {
        this(source, result, Optional.empty(), Optional.empty(), Optional.empty());
    }

    QuantizationReport with(QuantizationExam.Outcome outcome) {
        return new QuantizationReport(source, result, Optional.of(outcome), before, after);
    }

    QuantizationReport with(FaceShieldEvaluation of, FaceShieldEvaluation twin) {
        return new QuantizationReport(source, result, exam, Optional.of(of), Optional.of(twin));
    }

    /** What happened to the matrices. */
    String rounding() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "all " + result.matrices().size() + " matrices",
                percent(result.loss().relative())));
        worst().forEach(m -> rows.add(List.of(
                m.name(), percent(m.loss().relative()) + "  " + Quantization.name(m.format()) + ", " + m.group())));
        StringBuilder out = new StringBuilder(TextTable.of("relative error of weights, the worst", rows)).append('\n');
        if (!result.left().isEmpty()) {
            TensorInfo first = result.left().getFirst();
            out.append(result.left().size())
                    .append(" matrices stay as they were, because no group divides their rows, such as ")
                    .append(first)
                    .append('\n');
        }
        return out.toString();
    }

    private List<QuantizedModel.Lost> worst() {
        return result.matrices().stream()
                .sorted(Comparator.comparingDouble(m -> -m.loss().relative()))
                .limit(WORST)
                .toList();
    }

    /** What that does to what the model says. */
    String consequences() {
        List<List<String>> rows = new ArrayList<>();
        exam.flatMap(QuantizationExam.Outcome::language).ifPresent(a -> {
            rows.add(List.of("mean KL divergence of the next token", decimals(a.meanDivergence()) + " nats"));
            rows.add(List.of("greatest", decimals(a.greatestDivergence()) + " nats"));
            rows.add(List.of("same greedy token", percent(a.sameFirst()) + " of " + a.places() + " places"));
        });
        exam.map(QuantizationExam.Outcome::features)
                .ifPresent(f -> f.ifPresent(v -> rows.add(List.of("relative error of features", percent(v)))));
        measures()
                .forEach((name, values) ->
                        rows.add(List.of(name, decimals(values[0]) + " before, " + decimals(values[1]) + " after")));
        return TextTable.of("by " + exam.map(QuantizationExam.Outcome::inputs).orElse(""), rows) + "\n";
    }

    private Map<String, double[]> measures() {
        Map<String, double[]> out = new LinkedHashMap<>();
        measure(out, "real or spoof, accuracy", e -> e.coarse().map(c -> c.accuracy()));
        measure(out, "real or spoof, AUC", e -> e.scored().map(s -> s.auc()));
        measure(out, "which attack, accuracy", e -> e.fine().map(f -> f.accuracy()));
        measure(out, "conclusion of the reasons, accuracy", e -> e.reasoning().map(r -> r.accuracy()));
        measure(out, "box, mean IoU", e -> e.localization().map(l -> l.meanIou()));
        return out;
    }

    private void measure(
            Map<String, double[]> out, String name, Function<FaceShieldEvaluation, Optional<Double>> value) {
        Optional<Double> was = before.flatMap(value);
        Optional<Double> is = after.flatMap(value);
        if (was.isPresent() && is.isPresent()) {
            out.put(name, new double[] {was.get(), is.get()});
        }
    }

    /** Writes the file, in the place of one that was there. */
    void write(Path folder) {
        Map<String, Object> all = new LinkedHashMap<>();
        Quantization q = result.quantization();
        all.put("source", source.toString());
        all.put("version", Quantization.VERSION);
        all.put("format", Quantization.name(q.format()));
        all.put("group_size", q.groupSize());
        all.put("id", q.id());
        all.put("bytes", result.bytes());
        all.put("source_bytes", result.sourceBytes());
        all.put("relative_error", result.loss().relative());
        exam.ifPresent(e -> {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("inputs", e.inputs());
            e.language().ifPresent(a -> {
                map.put("places", a.places());
                map.put("mean_kl_nats", a.meanDivergence());
                map.put("greatest_kl_nats", a.greatestDivergence());
                map.put("greedy_agreement", a.sameFirst());
            });
            e.features().ifPresent(f -> map.put("features_relative_error", f));
            all.put("end_to_end", map);
        });
        before.ifPresent(e -> all.put("evaluation_before", e.toMap()));
        after.ifPresent(e -> all.put("evaluation_after", e.toMap()));
        List<Map<String, Object>> tensors = new ArrayList<>();
        for (QuantizedModel.Lost m : result.matrices()) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("name", m.name());
            map.put("format", Quantization.name(m.format()));
            map.put("group", m.group());
            map.put("relative_error", m.loss().relative());
            tensors.add(map);
        }
        all.put("tensors", tensors);
        all.put("left", result.left().stream().map(TensorInfo::toString).toList());
        try {
            AtomicFile.write(
                    folder.resolve(FILE),
                    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(all) + "\n");
        } catch (IOException e) {
            throw new IllegalStateException("numbers and names cannot be written as JSON", e);
        }
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.2f %%", 100 * share);
    }

    private static String decimals(double value) {
        return String.format(Locale.ROOT, value == 0 || value >= 0.001 ? "%.4f" : "%.1e", value);
    }
}
