package io.aegis.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.cli.faceshield.VerdictJson;
import io.aegis.cli.faceshield.VerdictReport;
import io.aegis.image.Corners;
import io.aegis.image.Image;
import io.aegis.image.Images;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.faceshield.AnswerListener;
import io.aegis.models.faceshield.AnswersListener;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.Reply;
import io.aegis.models.faceshield.Timings;
import io.aegis.models.faceshield.Verdict;
import io.aegis.models.llama.GenerationOptions;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** One face before FaceShield: real or not, which attack, why, and where, in the model's words as they are made. */
@Command(
        name = "analyze",
        description = "Asks a FaceShield about a face: real or spoof, which attack, why, and where.",
        mixinStandardHelpOptions = true)
final class AnalyzeCommand implements Callable<Integer> {
    /** Which vision tokens answers rest on. */
    enum Pvtm {
        OFF(MaskingMode.OFF),
        TOPK(MaskingMode.TOPK_ONLY),
        STOCHASTIC(MaskingMode.STOCHASTIC);

        final MaskingMode mode;

        Pvtm(MaskingMode mode) {
            this.mode = mode;
        }
    }

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "a model folder")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "what stage 2 of training learned upon the model")
    Path adapter;

    @Option(names = "--image", required = true, paramLabel = "FILE", description = "the picture")
    Path image;

    @Option(
            names = "--task",
            split = ",",
            paramLabel = "TASK",
            description = "ask only this: coarse, fine, reason or locate; several with commas")
    List<String> tasks;

    @Option(
            names = "--ask",
            paramLabel = "QUESTION",
            description = "ask this, and of the tasks only those given by --task; may be repeated")
    List<String> questions = new ArrayList<>();

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "questions about the picture that are answered at once, which changes no answer (default"
                    + " ${DEFAULT-VALUE}); 1: one after the other, in less memory")
    int batch = 4;

    @Option(names = "--max-tokens", paramLabel = "N", description = "tokens of an answer at most (256)")
    Integer longest;

    @Option(
            names = "--pvtm",
            paramLabel = "MODE",
            description =
                    "which vision tokens answers rest on, instead of the model's setting: off (all), topk, stochastic")
    Pvtm pvtm;

    @Option(names = "--json", description = "print one JSON object")
    boolean json;

    @Option(names = "--report", paramLabel = "FILE", description = "write a page about the face")
    Path report;

    @Mixin
    DeviceOptions computing = new DeviceOptions();

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        if (batch < 1) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--batch " + batch + ": expected at least 1");
        }
        computing.choose();
        Set<FaceTask> chosen = chosen();
        Image picture = Images.read(image);
        long start = System.nanoTime();
        try (FaceShield shield = FaceShield.load(
                model, adapter, o -> pvtm == null ? o : o.withPvtm(o.pvtm().withInference(pvtm.mode)))) {
            double opened = (System.nanoTime() - start) / 1e9;
            GenerationOptions options =
                    longest == null ? shield.generation() : shield.generation().withMaxNewTokens(longest);
            try (Examination examination = shield.examine(picture)) {
                Conversation shown = new Conversation(
                        json
                                ? new PrintWriter(Writer.nullWriter())
                                : spec.commandLine().getOut());
                Verdict verdict = shield.analyze(examination, chosen, options, batch, shown, () -> false);
                List<Reply> asked = ask(examination, options, shown);
                if (json) {
                    Map<String, Object> all = new LinkedHashMap<>();
                    all.put("image", image.toString());
                    all.putAll(VerdictJson.of(verdict, shield.threshold(), asked));
                    all.put("open_seconds", opened);
                    spec.commandLine().getOut().println(new ObjectMapper().writeValueAsString(all));
                } else {
                    print(verdict, shield.threshold(), opened, asked);
                }
                if (report != null) {
                    VerdictReport.of("Aegis: " + image.getFileName(), shield, picture, examination, verdict, asked)
                            .write(report);
                }
            }
        }
        spec.commandLine().getOut().flush();
        return 0;
    }

    private Set<FaceTask> chosen() {
        Set<FaceTask> out = EnumSet.noneOf(FaceTask.class);
        if (tasks != null) {
            tasks.forEach(name -> out.add(FaceTask.named(name.strip())));
        } else if (questions.isEmpty()) {
            out.addAll(EnumSet.allOf(FaceTask.class));
        }
        return out;
    }

    /** Prints questions and, as they come, answers. */
    private static final class Conversation implements AnswerListener {
        private final PrintWriter out;

        Conversation(PrintWriter out) {
            this.out = out;
        }

        void begin(String question) {
            out.println(question);
            say("  ");
        }

        void say(String text) {
            out.print(text);
            out.flush();
        }

        void end() {
            out.println();
            out.flush();
        }

        @Override
        public void asks(FaceTask task, String question) {
            begin(question);
        }

        @Override
        public void says(FaceTask task, String text) {
            say(text);
        }

        @Override
        public void ends(FaceTask task) {
            end();
        }
    }

    private List<Reply> ask(Examination examination, GenerationOptions options, Conversation shown) {
        AnswersListener each = new AnswersListener() {
            @Override
            public void asks(int question) {
                shown.begin(questions.get(question));
            }

            @Override
            public void says(int question, String text) {
                shown.say(text);
            }

            @Override
            public void ends(int question) {
                shown.end();
            }
        };
        return questions.isEmpty() ? List.of() : examination.ask(questions, options, batch, each, () -> false);
    }

    private void print(Verdict v, Optional<DecisionThreshold> threshold, double opened, List<Reply> asked) {
        PrintWriter out = spec.commandLine().getOut();
        out.println();
        out.printf(
                Locale.ROOT,
                "%s  (probability of bona fide %.4f, score %.3f, %s)%n",
                v.decision(),
                v.probability(),
                v.score(),
                basis(v, threshold));
        v.attackType().map(AttackType::title).ifPresent(t -> out.println("attack type: " + t));
        switch (v.box()) {
            case BoxReading.Found f -> {
                Corners c = f.corners();
                out.printf(Locale.ROOT, "box: %.1f %.1f %.1f %.1f%n", c.x1(), c.y1(), c.x2(), c.y2());
            }
            case BoxReading.Rejected r -> out.println("box: none that can be used, " + r.reason());
            case BoxReading.Missing _ -> {
                if (v.answers().containsKey(FaceTask.LOCATE)) {
                    out.println("box: the answer has none");
                }
            }
        }
        Timings t = v.timings();
        for (Reply reply : asked) {
            t = t.plus(reply.timings());
        }
        out.printf(
                Locale.ROOT,
                "opened in %.2f s, pictures %.2f s, %d tokens read in %.2f s (%.1f/s), %d said in %.2f s (%.2f/s)%n",
                opened,
                t.vision(),
                t.prefilled(),
                t.prefill(),
                t.prefilled() / t.prefill(),
                t.decoded(),
                t.decode(),
                t.decoded() / t.decode());
    }

    private static String basis(Verdict v, Optional<DecisionThreshold> threshold) {
        return switch (v.basis()) {
            case THRESHOLD ->
                String.format(
                        Locale.ROOT,
                        "threshold %.3f: %s",
                        threshold.orElseThrow().value(),
                        threshold.orElseThrow().origin());
            case ANSWER -> "by its answer, the model having no threshold";
            case SCORE -> "by its score, the answer saying nothing and the model having no threshold";
        };
    }
}
