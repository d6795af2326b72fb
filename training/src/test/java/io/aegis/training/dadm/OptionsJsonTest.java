package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.models.dadm.Modality;
import io.aegis.training.Schedule;
import io.aegis.training.TrainingException;
import io.aegis.training.data.Balance;
import io.aegis.training.metrics.ThresholdRule;
import io.aegis.training.run.RunIdentity;
import io.aegis.weights.ConfigJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OptionsJsonTest {
    @TempDir
    Path folder;

    @Test
    void readsBackWhatItWrote() throws IOException {
        DadmTrainingOptions tiny = TinyFaces.options(folder);
        for (DadmTrainingOptions o : List.of(
                tiny,
                DadmTrainingOptions.published(TinyFaces.CONFIG, folder),
                tiny.withRecipe("official")
                        .withSeed(Long.MIN_VALUE)
                        .withThreshold(new ThresholdRule.FprAtMost(0.01))
                        .withFit(new DadmTrainingOptions.Fit(1, 2, 3, 0.1, new Schedule.Step(5, 0.3), 4, 0)),
                tiny.withThreshold(new ThresholdRule.BpcerAtMost(0.05))
                        .withInput(new DadmTrainingOptions.Input(
                                Balance.DOMAIN,
                                tiny.input().augmentation(),
                                Optional.empty(),
                                Set.of(Modality.INFRARED))))) {
            Path file = folder.resolve("options.json");
            Files.writeString(file, OptionsJson.write(o).toString());

            DadmTrainingOptions read = OptionsJson.read(ConfigJson.read(file), o.init(), o.run());

            assertThat(read).isEqualTo(o);
            assertThat(new RunIdentity(OptionsJson.write(o), "")
                            .difference(ConfigJson.read(file).json()))
                    .isEmpty();
        }
        assertThat(new RunIdentity(OptionsJson.write(tiny.withSeed(1)), "").difference(OptionsJson.write(tiny)))
                .contains("seed 1 rather than 42");
        assertThat(new RunIdentity(OptionsJson.write(tiny), "")
                        .difference(OptionsJson.write(tiny.withThreshold(new ThresholdRule.FprAtMost(0.01)))))
                .contains("threshold eer rather than fpr");
    }

    @Test
    void optionsThatCannotBeAreRefused() {
        assertThatThrownBy(() -> new DadmTrainingOptions.Fit(0, 1, 1, 1, new Schedule.Constant(), 0, 0))
                .isInstanceOf(TrainingException.class)
                .hasMessage("epochs 0; expected at least 1");
        assertThatThrownBy(() -> new DadmTrainingOptions.Fit(1, 1, 1, Double.NaN, new Schedule.Constant(), 0, 0))
                .isInstanceOf(TrainingException.class)
                .hasMessage("learning rate NaN; expected a number above 0");
        assertThatThrownBy(() -> TinyFaces.options(folder).withRecipe("mine"))
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("recipe 'mine'");
    }
}
