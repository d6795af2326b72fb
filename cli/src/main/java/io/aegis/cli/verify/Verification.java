package io.aegis.cli.verify;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.RoundedKernels;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Finite;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds out what a directory of reference values is, and compares it. */
public final class Verification {
    private Verification() {}

    /**
     * How to compute.
     *
     * @param kernels which kernels
     * @param dtype of parameters and activations
     * @param references kernels whose largest error, doubled, is allowed where it is larger than float32's tolerance, and
     *     whose typical error at least half of all tensors must not exceed: for products in 16 bits; none for float32's alone
     * @param weights which of a model's
     */
    public record Computing(Kernels kernels, DType dtype, List<Kernels> references, Weights weights) {
        /** Runs of a reference: of a number that is as often above zero as below, the largest of eight is 1.9 deviations. */
        private static final int DRAWS = 8;

        public Computing(Kernels kernels, DType dtype) {
            this(kernels, dtype, List.of(), Weights.PUBLISHED);
        }

        /** Kernels that multiply in 16 bits, held to runs on the processor that round everything. */
        public static Computing rounded(Kernels kernels, DType operands) {
            return new Computing(
                    kernels, DType.F32, RoundedKernels.draws(Backends.best(), operands, DRAWS), Weights.PUBLISHED);
        }

        /** By other kernels, which nothing but float32's tolerance is allowed. */
        private Computing by(Kernels other) {
            return new Computing(other, dtype, List.of(), weights);
        }

        private Computing over(Weights others) {
            return new Computing(kernels, dtype, references, others);
        }
    }

    /** As {@link #run(Path, Computing, Optional, PrintWriter, boolean)}, with the weights that are there. */
    public static int run(Path directory, Computing computing, PrintWriter out, boolean all) throws IOException {
        return run(directory, computing, Optional.empty(), out, all);
    }

    /**
     * Compares everything in a directory, and in the directories below it that hold reference values, and prints a table of
     * each.
     *
     * @param bits to round a model's matrices to, as {@code quantize} does; then nothing but models is compared, each with what its
     *     dequantised weights give in doubles
     * @param all print every row, not only those that are wrong
     * @return exit status: 0 all right, 1 something differs, 2 nothing differs but something could not be compared
     * @throws WeightsException when there is nothing in it that this project knows how to compare
     */
    public static int run(Path directory, Computing computing, Optional<Format> bits, PrintWriter out, boolean all)
            throws IOException {
        List<Path> directories = directories(directory);
        Set<Integer> exits = new TreeSet<>();
        for (Path each : directories) {
            Optional<Rows> rows = bits.isPresent() ? quantized(each, computing, bits.get()) : find(each, computing);
            if (rows.isEmpty()) {
                continue;
            }
            if (directories.size() > 1) {
                out.println((exits.isEmpty() ? "" : "\n") + each + ":");
            }
            rows.get().print(out, all);
            exits.add(rows.get().exitCode());
        }
        if (exits.isEmpty()) {
            throw bits.isPresent() ? noModel(directory) : nothing(directory);
        }
        return exits.contains(1) ? 1 : Collections.max(exits);
    }

    /** The directory, or file, and all directories below it in the order of their names. */
    private static List<Path> directories(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of(directory);
        }
        try (Stream<Path> below = Files.walk(directory)) {
            return below.filter(Files::isDirectory).sorted().toList();
        }
    }

    private static WeightsException nothing(Path directory) {
        return new WeightsException(directory
                + ": neither config.json, nor an adapter, nor references of pictures, rotary angles or activations;"
                + " nothing to compare");
    }

    private static WeightsException noModel(Path directory) {
        return new WeightsException(
                directory + ": no FaceShield, LLaVA, Llama, SigLIP, CLIP or adapter whose matrices could be rounded");
    }

    /**
     * Compares everything in a directory: a model's references beside its {@code config.json}, those of pictures, and the
     * checksums of {@link PictureChecksums#FILE}, which may be given itself.
     *
     * @throws WeightsException when it is nothing that this project knows how to compare, or cannot be read
     */
    static Rows of(Path directory, Computing computing) throws IOException {
        return find(directory, computing).orElseThrow(() -> nothing(directory));
    }

    private static Optional<Rows> find(Path directory, Computing computing) throws IOException {
        List<Rows> references = new ArrayList<>();
        for (Kernels each : computing.references()) {
            Optional<Rows> run = find(directory, computing.by(each), ReferenceErrors.NONE, Literal.NONE);
            if (run.isEmpty()) {
                return run;
            }
            references.add(run.get());
        }
        Optional<Rows> rows = find(directory, computing, new ReferenceErrors(references), Literal.NONE);
        rows.ifPresent(Rows::typical);
        return rows;
    }

    /**
     * A model whose matrices are rounded to few bits, beside itself with those matrices widened and multiplied literally: by the plain
     * kernels in doubles. How far the rounding moves it is no error of these kernels ({@code quantize} says it), and so float32's tolerance and
     * the rule for 16 bits hold as they do for published weights.
     *
     * @return empty where there is no model
     */
    static Optional<Rows> quantized(Path directory, Computing computing, Format bits) throws IOException {
        if (!Files.isDirectory(directory) || !isQuantizable(directory)) {
            return Optional.empty();
        }
        try (QuantizedFolders folders = new QuantizedFolders(bits)) {
            if (!LoraVerification.recognises(directory)) {
                try {
                    folders.of(directory);
                } catch (WeightsException e) {
                    Rows rows = new Rows(Tolerances.none());
                    rows.notCompared("weights", e.getMessage());
                    return Optional.of(rows);
                }
            }
            Computing widened = computing.over(new Weights(Weights.Form.WIDENED, folders::of));
            Literal literal = Literal.recording();
            Computing doubles = new Computing(Backends.scalar(), DType.F64, List.of(), widened.weights());
            find(directory, doubles, ReferenceErrors.NONE, literal);
            List<Rows> references = new ArrayList<>();
            for (Kernels each : computing.references()) {
                find(directory, widened.by(each), ReferenceErrors.NONE, literal.recorded())
                        .ifPresent(references::add);
            }
            Optional<Rows> rows = find(
                    directory,
                    computing.over(new Weights(Weights.Form.FEW_BITS, folders::of)),
                    new ReferenceErrors(references),
                    literal.recorded());
            rows.ifPresent(Rows::typical);
            return rows;
        }
    }

    private static boolean isQuantizable(Path directory) {
        boolean model = Files.exists(directory.resolve("config.json"));
        return model && !ConfigJson.read(directory).text("model_type").equals("dadm")
                || LoraVerification.recognises(directory);
    }

    private static Optional<Rows> find(Path directory, Computing computing, ReferenceErrors errors, Literal literal)
            throws IOException {
        if (Files.isRegularFile(directory) && directory.toString().endsWith(".json")) {
            Rows rows = new Rows(Tolerances.none(), errors);
            new PictureChecksums(directory, rows).run();
            return Optional.of(rows);
        }
        if (!Files.isDirectory(directory)) {
            throw new WeightsException(directory + " is not a directory");
        }
        Rows rows = new Rows(Tolerances.of(directory), errors, literal);
        boolean known = false;
        if (computing.weights().arePublished() && Files.exists(directory.resolve(PictureChecksums.FILE))) {
            new PictureChecksums(directory.resolve(PictureChecksums.FILE), rows).run();
            known = true;
        }
        try (Golden golden = new Golden(directory)) {
            if (Files.exists(directory.resolve("config.json"))) {
                model(golden, computing, rows);
                known = true;
            } else if (LoraVerification.recognises(directory)) {
                LoraVerification.run(golden, computing, rows);
                rest(golden, computing, rows, Set.of("adapter_model"));
                known = true;
            } else if (loose(golden, computing, rows) || known) {
                rest(golden, computing, rows, Set.of());
                known = true;
            }
        }
        return known ? Optional.of(rows) : Optional.empty();
    }

    /** Files that are known by their names; whether there were any. */
    private static boolean loose(Golden golden, Computing computing, Rows rows) throws IOException {
        boolean any = false;
        if (PictureVerification.recognises(golden)) {
            new PictureVerification(golden, rows).run();
            any = true;
        }
        if (RotaryVerification.recognises(golden)) {
            new RotaryVerification(golden, computing, rows).run();
            any = true;
        }
        if (ActivationVerification.recognises(golden)) {
            new ActivationVerification(golden, computing, rows).run();
            any = true;
        }
        return any;
    }

    private static void model(Golden golden, Computing computing, Rows rows) throws IOException {
        ConfigJson config = ConfigJson.read(golden.directory());
        if (FaceShieldVerification.recognises(golden)) {
            FaceShieldVerification.run(golden, computing, rows);
            rest(golden, computing, rows, weights(golden));
            return;
        }
        switch (config.text("model_type")) {
            case "dadm" -> {
                // A model that was trained has such a config.json as well.
                Finite.check(golden.file("inputs"));
                // Here and not at the first loss, whose message speaks to whoever trains.
                Finite.check(golden.file("weights"));
                new DadmVerification(golden, config, computing, rows).run();
                rest(golden, computing, rows, Set.of("weights", "inputs"));
            }
            case "siglip", "siglip_vision_model", "clip", "clip_vision_model" -> {
                new VitVerification(golden, computing, rows).run();
                rest(golden, computing, rows, weights(golden));
            }
            case "llava", "llava_llama" -> {
                LlavaVerification.run(golden, computing, rows);
                rest(golden, computing, rows, weights(golden));
            }
            case "llama" -> {
                LlamaVerification.run(golden, computing, rows);
                rest(golden, computing, rows, weights(golden));
            }
            default ->
                throw config.invalid(
                        "model_type",
                        "has no reference values that can be compared, expected dadm, siglip, clip, llama or llava");
        }
    }

    /** The files of a Hugging Face model that hold its weights. */
    private static Set<String> weights(Golden golden) {
        return golden.files().stream().filter(f -> f.startsWith("model")).collect(Collectors.toSet());
    }

    /** A row for every key that has none, but for those of files that are inputs. */
    private static void rest(Golden golden, Computing computing, Rows rows, Set<String> inputs) {
        if (!computing.weights().arePublished()) {
            // Matrices of few bits have no gradients, and other values say nothing of these weights.
            return;
        }
        for (String file : golden.files()) {
            for (String key : golden.keys(file)) {
                if (!inputs.contains(file)) {
                    rows.notCompared(file + ":" + key, "nothing of ours was compared with it");
                }
            }
        }
    }
}
