package io.aegis.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.Measurement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** New processes are started by the launcher, as often as is said and once before; one that fails is no figure. */
class StartupSectionTest {
    @TempDir
    Path home;

    @Test
    void eachIsStartedOnceBeforeItCounts() throws IOException {
        FakeLauncher launcher = FakeLauncher.in(home, "");
        Path model = Files.createDirectory(home.resolve("model"));
        List<Figure> said = run(model);
        assertThat(said)
                .extracting(Figure::work)
                .containsExactly("start, --version", "start, doctor", "start, one picture by " + model);
        assertThat(said)
                .allMatch(f -> f.value() > 0 && f.runs() == 2 && f.note().equals("by the launcher"));
        List<String> starts = launcher.starts();
        assertThat(starts.subList(0, 3)).containsOnly("--version");
        assertThat(starts.subList(3, 6)).containsOnly("doctor");
        assertThat(starts.subList(6, 9))
                .allMatch(s -> s.matches("analyze --model " + model + " --image \\S+\\.png --task coarse"));
        assertThat(starts).hasSize(9);
    }

    @Test
    void oneThatFailsIsLeftOut() throws IOException {
        FakeLauncher.in(home, "[ \"$1\" != doctor ]");
        List<Figure> said = run(null);
        assertThat(said.get(0).measured()).isTrue();
        assertThat(said.get(1).note()).isEqualTo("left out: `doctor` failed or took over 120 s");
        assertThat(said.get(2).note()).isEqualTo("left out: " + home + "/pretrained/faceshield-small is not here");
    }

    private List<Figure> run(Path model) {
        String before = System.setProperty("aegis.home", home.toString());
        List<Figure> said = new ArrayList<>();
        try {
            StartupSection.run(
                    new Request(
                            null, model, List.of(), Compute.F32, new Measurement.Plan(2, 2), 1, 1, List.of(), false),
                    said::add);
        } finally {
            if (before == null) {
                System.clearProperty("aegis.home");
            } else {
                System.setProperty("aegis.home", before);
            }
        }
        return said;
    }
}
