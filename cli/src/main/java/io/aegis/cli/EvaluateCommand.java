package io.aegis.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.Modality;
import io.aegis.training.dadm.DadmEvaluator;
import io.aegis.training.dadm.RunCharts;
import io.aegis.training.dadm.SampleSource;
import io.aegis.training.data.Manifest;
import io.aegis.training.data.MissingModalities;
import io.aegis.training.data.ScoresFile;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.PaperProtocol;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.training.metrics.Threshold;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Judges models on sets. */
@Command(
        name = "evaluate",
        description = "Measures a model on a test set.",
        mixinStandardHelpOptions = true,
        subcommands = {EvaluateCommand.OfDadm.class, EvaluateFaceShieldCommand.class})
final class EvaluateCommand implements Runnable {
    @Spec
    CommandSpec spec;

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /** A set of faces, at the threshold that was chosen on development data and came with the model. */
    @Command(name = "dadm", description = "Measures a DADM on a manifest.", mixinStandardHelpOptions = true)
    static final class OfDadm implements Callable<Integer> {
        @Option(
                names = "--model",
                required = true,
                paramLabel = "DIR",
                description = "a model folder, such as run/best")
        Path model;

        @Option(names = "--data", required = true, paramLabel = "CSV", description = "the test set's manifest")
        Path data;

        @Option(names = "--missing", paramLabel = "depth,ir", description = "take these modalities as missing")
        String missing;

        @Option(
                names = "--paper-protocol",
                description = "add what the paper reports, whose threshold comes from the test set itself")
        boolean paper;

        @Option(
                names = "--threshold",
                paramLabel = "P",
                description = "decide at this probability instead of the model's threshold")
        Double threshold;

        @Option(
                names = "--out",
                paramLabel = "DIR",
                description = "write scores.csv, roc.svg and scores.svg into this folder")
        Path out;

        @Option(names = "--json", description = "print one JSON object")
        boolean json;

        @Mixin
        DeviceOptions computing = new DeviceOptions();

        @Spec
        CommandSpec spec;

        @Override
        public Integer call() throws Exception {
            computing.choose();
            if (threshold != null && !(threshold >= 0 && threshold <= 1)) {
                throw new IllegalArgumentException("--threshold " + threshold + ": expected a probability from 0 to 1");
            }
            Set<Modality> without = missing == null ? Set.of() : MissingModalities.parse(missing);
            var split = Manifest.open(data);
            if (out != null) {
                // Scoring may take hours, and a folder that cannot be made is known now.
                Files.createDirectories(out);
            }
            try (Dadm dadm = Dadm.load(model)) {
                Threshold at = threshold(dadm);
                Scores scores =
                        DadmEvaluator.of(dadm, SampleSource.FILES, loaders()).scores(split, Split.TEST, without);
                Evaluation evaluation = Evaluation.of(scores, at);
                // Printed first: a full disk then costs the files and not the figures.
                print(evaluation, paper ? PaperProtocol.of(scores) : null);
                write(scores, at);
            }
            return 0;
        }

        private Threshold threshold(Dadm dadm) {
            if (threshold != null) {
                return new Threshold(threshold, "given by --threshold");
            }
            DecisionThreshold stored = dadm.threshold()
                    .orElseThrow(() -> new IllegalArgumentException(model
                            + " has no threshold; give one with --threshold P, chosen on other data than the test"));
            return DadmEvaluator.threshold(stored);
        }

        private void write(Scores scores, Threshold at) throws Exception {
            if (out == null) {
                return;
            }
            ScoresFile.write(out.resolve("scores.csv"), scores);
            RunCharts.roc(scores, at).write(out.resolve("roc.svg"));
            RunCharts.scores(scores, at).write(out.resolve("scores.svg"));
        }

        private void print(Evaluation evaluation, PaperProtocol asPublished) throws Exception {
            PrintWriter to = spec.commandLine().getOut();
            if (json) {
                Map<String, Object> all = new LinkedHashMap<>(evaluation.toMap());
                if (asPublished != null) {
                    all.put("paper_protocol", asPublished.toMap());
                }
                to.println(new ObjectMapper().writeValueAsString(all));
            } else {
                to.println(evaluation);
                if (asPublished != null) {
                    to.println(asPublished);
                }
            }
            to.flush();
        }
    }

    static int loaders() {
        return Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    }
}
