package io.aegis.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.training.Lanes;
import io.aegis.training.faceshield.DomainTable;
import io.aegis.training.faceshield.EvaluationReport;
import io.aegis.training.faceshield.FaceShieldEvaluator;
import io.aegis.training.faceshield.InstructionFile;
import io.aegis.training.faceshield.InstructionSet;
import io.aegis.training.faceshield.Problems;
import io.aegis.training.report.ProgressBar;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** All tasks of an instruction file, at the threshold that was chosen on development data and came with the model. */
@Command(
        name = "faceshield",
        description = "Measures a FaceShield on instruction data: real or spoof, which attack, why, where.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class EvaluateFaceShieldCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "a model folder, such as run/best")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "what stage 2 of training learned upon the model")
    Path adapter;

    @Option(
            names = "--data",
            required = true,
            paramLabel = "JSON",
            description =
                    "LLaVA's list (or one object a line) of {id, image, conversations}; what pictures show is told by"
                            + " label, attack and box, or else by the reference answers")
    Path data;

    @Option(names = "--images", required = true, paramLabel = "DIR", description = "the folder of the pictures")
    Path images;

    @Option(names = "--lanes", paramLabel = "N", description = "pictures asked at once (default ${DEFAULT-VALUE})")
    int lanes = Math.max(1, Runtime.getRuntime().availableProcessors());

    @Option(
            names = "--batch",
            paramLabel = "N",
            description =
                    "questions that each lane asks at once, which changes no answer; by default up to 4, as long as their"
                            + " keys and values take no more than 1 GB a lane")
    Integer batch;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "write report.html, scores.csv, answers.jsonl and charts into this folder")
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
        Problems problems = new Problems();
        InstructionSet set = InstructionFile.read(data, images, problems);
        try (FaceShield shield = FaceShield.load(model, adapter, choices -> choices);
                Lanes at = new Lanes(Math.max(1, lanes))) {
            int together = batch != null ? batch : FaceShieldEvaluator.together(shield, set);
            FaceShieldEvaluator.Outcome outcome = new FaceShieldEvaluator(shield, at, together, problems)
                    .evaluate(set, ProgressBar.Surroundings.standard());
            if (out != null) {
                EvaluationReport.write(out, outcome, problems);
            }
            print(outcome, problems);
        }
        return 0;
    }

    private void print(FaceShieldEvaluator.Outcome outcome, Problems problems) throws Exception {
        PrintWriter to = spec.commandLine().getOut();
        if (json) {
            Map<String, Object> all = new LinkedHashMap<>(outcome.overall().toMap());
            Map<String, Object> domains = new LinkedHashMap<>();
            outcome.domains().forEach((domain, e) -> domains.put(domain, e.toMap()));
            all.put("domains", domains);
            List<String> left = problems.summary();
            all.put("left_out", left);
            to.println(new ObjectMapper().writeValueAsString(all));
        } else {
            to.println(outcome.overall());
            if (outcome.domains().size() > 1) {
                to.println();
                to.println(DomainTable.text(outcome.domains()));
            }
            problems.summary().forEach(to::println);
        }
        to.flush();
    }
}
