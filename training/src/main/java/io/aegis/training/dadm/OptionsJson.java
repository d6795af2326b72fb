package io.aegis.training.dadm;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.image.Augmentation;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Modality;
import io.aegis.training.Schedule;
import io.aegis.training.data.Balance;
import io.aegis.training.data.MissingModalities;
import io.aegis.training.data.RandomMissing;
import io.aegis.training.metrics.ThresholdRule;
import io.aegis.weights.ConfigJson;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Training options as a JSON object: flat, named as on the command line, in a fixed order, so that two compare as text. */
final class OptionsJson {
    private static final String UNUSED = "unused_modalities";

    private OptionsJson() {}

    /** Everything that has an influence on the result; not where it is written, nor where the start came from. */
    static ObjectNode write(DadmTrainingOptions o) {
        DadmConfig c = o.config();
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("D", c.width())
                .put("heads", c.heads())
                .put("L", c.layers())
                .put("G", c.grid())
                .put("patch", c.patch())
                .put("mlp", c.mlp())
                .put("mim_h1", c.mimMask())
                .put("adapter_dim", c.adapter())
                .put("n_classes", c.classes());
        json.put("recipe", o.recipe()).put("seed", o.seed());
        DadmTrainingOptions.Fit f = o.fit();
        json.put("epochs", f.epochs())
                .put("batch_size", f.batchSize())
                .put("accumulation", f.accumulation())
                .put("learning_rate", f.learningRate())
                .put("schedule", f.schedule().toString())
                .put("warm_up", f.warmUp())
                .put("weight_decay", f.weightDecay());
        DadmTrainingOptions.Input i = o.input();
        Augmentation a = i.augmentation();
        json.put("balance", i.balance().name().toLowerCase(Locale.ROOT))
                .put("shift", a.shift())
                .put("gamma_low", a.gammaLow())
                .put("gamma_high", a.gammaHigh())
                .put("mirror", a.mirror())
                .put("min_side", a.minSide());
        i.missing().ifPresent(m -> json.put("missing_rate", m.rate())
                .put("missing_depth", m.depth())
                .put("missing_infrared", m.infrared()));
        json.put(UNUSED, MissingModalities.describe(i.unused()));
        switch (o.threshold()) {
            case ThresholdRule.EqualErrorRate _ -> json.put("threshold", "eer");
            case ThresholdRule.BpcerAtMost r -> json.put("threshold", "bpcer").put("threshold_limit", r.limit());
            case ThresholdRule.FprAtMost r -> json.put("threshold", "fpr").put("threshold_limit", r.limit());
        }
        return json;
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws RuntimeException that names file and key for anything else
     */
    static DadmTrainingOptions read(ConfigJson j, Optional<Path> init, DadmTrainingOptions.Run run) {
        DadmConfig config = new DadmConfig(
                j.positive("D"),
                j.positive("heads"),
                j.positive("L"),
                j.positive("G"),
                j.positive("patch"),
                j.positive("mlp"),
                j.positive("mim_h1"),
                j.positive("adapter_dim"),
                j.positive("n_classes"));
        DadmTrainingOptions.Fit fit = new DadmTrainingOptions.Fit(
                j.positive("epochs"),
                j.positive("batch_size"),
                j.positive("accumulation"),
                j.number("learning_rate"),
                Schedule.parse(j.text("schedule")),
                j.whole("warm_up"),
                j.number("weight_decay"));
        Set<Modality> used = EnumSet.allOf(Modality.class);
        used.removeAll(MissingModalities.parse(j.text(UNUSED)));
        DadmTrainingOptions.Input input = new DadmTrainingOptions.Input(
                balance(j),
                new Augmentation(
                        j.integer("shift"),
                        j.number("gamma_low"),
                        j.number("gamma_high"),
                        j.number("mirror"),
                        j.number("min_side")),
                j.has("missing_rate")
                        ? Optional.of(new RandomMissing(
                                j.number("missing_rate"), j.flag("missing_depth"), j.flag("missing_infrared")))
                        : Optional.empty(),
                used);
        return new DadmTrainingOptions(config, j.text("recipe"), j.whole("seed"), fit, input, threshold(j), init, run);
    }

    private static Balance balance(ConfigJson j) {
        for (Balance b : Balance.values()) {
            if (b.name().toLowerCase(Locale.ROOT).equals(j.text("balance"))) {
                return b;
            }
        }
        throw j.invalid("balance", "is not one of none, domain, domain_and_label");
    }

    private static ThresholdRule threshold(ConfigJson j) {
        return switch (j.text("threshold")) {
            case "eer" -> new ThresholdRule.EqualErrorRate();
            case "bpcer" -> new ThresholdRule.BpcerAtMost(j.number("threshold_limit"));
            case "fpr" -> new ThresholdRule.FprAtMost(j.number("threshold_limit"));
            default -> throw j.invalid("threshold", "is not one of eer, bpcer, fpr");
        };
    }
}
