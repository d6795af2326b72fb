package io.aegis.cli;

import io.aegis.image.Image;
import io.aegis.image.Images;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.models.checkpoint.QuantizedModel;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceShieldFolder;
import io.aegis.training.Lanes;
import io.aegis.training.faceshield.FaceShieldEvaluation;
import io.aegis.training.faceshield.FaceShieldEvaluator;
import io.aegis.training.faceshield.Instruction;
import io.aegis.training.faceshield.InstructionFile;
import io.aegis.training.faceshield.InstructionSet;
import io.aegis.training.faceshield.Problems;
import io.aegis.training.quantization.QuantizationExam;
import io.aegis.training.report.ProgressBar;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A model of half or a quarter of the size, and what that costs. */
@Command(
        name = "quantize",
        description =
                "Writes a model folder whose large matrices have 8 or 4 bits a weight, and measures what that costs.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class QuantizeCommand implements Callable<Integer> {
    private static final double GIGA = 1e9;

    /** Pictures of a data set that both models look at. */
    private static final int PICTURES = 4;

    /** How some matrices are stored. */
    private enum Choice {
        INT8(Format.INT8),
        INT4(Format.INT4),
        KEEP(null);

        private final Optional<Format> format;

        Choice(Format format) {
            this.format = Optional.ofNullable(format);
        }
    }

    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description = "a FaceShield, Bunny, LLaVA, Llama, SigLIP or CLIP: config.json and weights")
    Path model;

    @Option(
            names = "--format",
            required = true,
            paramLabel = "int8|int4",
            description = "of the language model's blocks")
    Format format;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "the folder to make")
    Path out;

    @Option(
            names = "--group",
            paramLabel = "N",
            description = "weights that share a scale: a power of two from 32 on (default ${DEFAULT-VALUE})")
    int group = QuantizationRecipe.GROUP;

    @Option(
            names = "--vision",
            paramLabel = "int8|int4|keep",
            description = "the vision tower (default int8, or --format where there is no language model)")
    Choice vision;

    @Option(
            names = "--head",
            paramLabel = "int8|int4|keep",
            description = "the output matrix, or the embedding that serves as one (default int8)")
    Choice head = Choice.INT8;

    @Option(
            names = "--data",
            paramLabel = "JSON",
            description = "instruction data, on which both models are evaluated as by 'evaluate faceshield'")
    Path data;

    @Option(names = "--images", paramLabel = "DIR", description = "the folder of its pictures")
    Path images;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        if ((data == null) != (images == null)) {
            throw new ParameterException(spec.commandLine(), "--data and --images belong together");
        }
        Problems problems = new Problems();
        Optional<InstructionSet> set =
                data == null ? Optional.empty() : Optional.of(InstructionFile.read(data, images, problems));
        QuantizedModel.Result result = write();
        QuantizationReport report = new QuantizationReport(model, result);
        report.write(out);
        PrintWriter print = spec.commandLine().getOut();
        print.print(report.rounding());
        print.flush();
        report = report.with(agreement(set));
        if (set.isPresent()) {
            report = report.with(evaluation(model, set.get(), problems), evaluation(out, set.get(), problems));
        }
        report.write(out);
        print.print(report.consequences());
        problems.summary().forEach(print::println);
        print.flush();
        return 0;
    }

    private QuantizedModel.Result write() {
        PrintWriter print = spec.commandLine().getOut();
        try (VisionLanguageCheckpoint source = FaceShieldFolder.openBase(model)) {
            QuantizedModel quantized = new QuantizedModel(model, source, recipe(source));
            long began = System.nanoTime();
            QuantizedModel.Result result = quantized.write(out, Tenths.of(print, quantized.sourceBytes()));
            print.printf(
                    Locale.ROOT,
                    "%s: %s, %.3f GB instead of %.3f, in %.1f s%n",
                    out,
                    result.quantization(),
                    result.bytes() / GIGA,
                    result.sourceBytes() / GIGA,
                    (System.nanoTime() - began) / GIGA);
            print.flush();
            return result;
        }
    }

    private QuantizationRecipe recipe(VisionLanguageCheckpoint source) {
        Optional<Format> tower = vision != null
                ? vision.format
                : Optional.of(source.config().language().isPresent() ? Format.INT8 : format);
        try {
            return new QuantizationRecipe(format, tower, head.format, group);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--group " + group + ": " + e.getMessage(), e);
        }
    }

    private QuantizationExam.Outcome agreement(Optional<InstructionSet> set) {
        QuantizationExam exam = new QuantizationExam(model, out);
        if (set.isEmpty()) {
            List<Image> faces = QuantizationExam.faces();
            return exam.run(faces, faces.size() + " synthetic faces");
        }
        List<Path> files = set.get().samples().stream()
                .map(Instruction::picture)
                .distinct()
                .toList();
        List<Image> pictures = new ArrayList<>();
        for (int i = 0; i < Math.min(PICTURES, files.size()); i++) {
            pictures.add(Images.read(files.get(i * files.size() / PICTURES)));
        }
        return exam.run(pictures, pictures.size() + " pictures of " + data);
    }

    private FaceShieldEvaluation evaluation(Path folder, InstructionSet set, Problems problems) {
        try (FaceShield shield = FaceShield.load(folder);
                Lanes lanes = new Lanes(Runtime.getRuntime().availableProcessors())) {
            return new FaceShieldEvaluator(shield, lanes, problems)
                    .evaluate(set, ProgressBar.Surroundings.standard())
                    .overall();
        }
    }
}
