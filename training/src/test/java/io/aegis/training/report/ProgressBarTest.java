package io.aegis.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressBarTest {
    private static final long SECOND = 1_000_000_000L;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private long now = -5 * SECOND; // a clock of any origin, below zero too

    private ProgressBar bar(boolean rewrites, int columns, String label, long done, long total) {
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        return new ProgressBar(
                label,
                done,
                total,
                new ProgressBar.Surroundings(out, rewrites, columns, () -> now, () -> 1_230_000_000L));
    }

    private List<String> lines() {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private List<String> rewritten() {
        String all = bytes.toString(StandardCharsets.UTF_8);
        return List.of(all.substring(1).split("\r"));
    }

    @Test
    void printsALineNowAndThen() {
        try (ProgressBar bar = bar(false, 80, "epoch 1", 0, 100)) {
            for (int i = 1; i <= 100; i++) {
                now += SECOND / 2;
                bar.step(8, 1.0 / i);
            }
        }
        // First step, then each 15 s of the 50, then the end.
        assertThat(lines())
                .containsExactly(
                        "epoch 1  1/100 (1%)  loss 1.0000  16.0 samples/s  1.23 GB  0:50 left",
                        "epoch 1  31/100 (31%)  loss 0.0323  16.0 samples/s  1.23 GB  0:35 left",
                        "epoch 1  61/100 (61%)  loss 0.0164  16.0 samples/s  1.23 GB  0:20 left",
                        "epoch 1  91/100 (91%)  loss 0.0110  16.0 samples/s  1.23 GB  0:05 left",
                        "epoch 1  100/100 (100%)  loss 0.0100  16.0 samples/s  1.23 GB  in 0:50");
    }

    @Test
    void rewritesOneLineOnATerminal() {
        ProgressBar bar = bar(true, 200, "", 0, 4);
        for (int i = 0; i < 4; i++) {
            now += SECOND;
            bar.step(2, 0.5);
        }
        bar.close();
        bar.close();
        assertThat(rewritten())
                .containsExactly(
                        "[======>                 ]  1/4 (25%)  loss 0.5000  2.0000 samples/s  1.23 GB  0:03 left\u001b[K",
                        "[============>           ]  2/4 (50%)  loss 0.5000  2.0000 samples/s  1.23 GB  0:02 left\u001b[K",
                        "[==================>     ]  3/4 (75%)  loss 0.5000  2.0000 samples/s  1.23 GB  0:01 left\u001b[K",
                        "[========================]  4/4 (100%)  loss 0.5000  2.0000 samples/s  1.23 GB  in 0:04\u001b[K",
                        "[========================]  4/4 (100%)  loss 0.5000  2.0000 samples/s  1.23 GB  in 0:04\u001b[K"
                                + System.lineSeparator());
    }

    @Test
    void quickStepsAreNotAllDrawn() {
        try (ProgressBar bar = bar(true, 80, "x", 0, 1000)) {
            for (int i = 0; i < 1000; i++) {
                now += SECOND / 1000;
                bar.step(1, 1);
            }
        }
        assertThat(rewritten()).hasSizeBetween(10, 12);
    }

    @Test
    void neverWiderThanTheTerminal() {
        try (ProgressBar bar = bar(true, 30, "a label", 0, 10)) {
            now += SECOND;
            bar.step(1, 1);
        }
        assertThat(rewritten()).allMatch(l -> l.strip().replace("\u001b[K", "").length() == 29);
    }

    @Test
    void timeLeftFollowsTheRecentPace() {
        try (ProgressBar bar = bar(false, 80, "", 0, 1000)) {
            for (int i = 0; i < 10; i++) {
                now += 60 * SECOND;
                bar.step(4, 1);
            }
            for (int i = 0; i < 90; i++) {
                now += SECOND;
                bar.step(4, 1);
            }
            bytes.reset();
            now += 15 * SECOND;
            bar.step(4, 1);
        }
        // The last 30 s hold 15 steps of 1 s and one of 15 s.
        assertThat(lines().getFirst())
                .contains("101/1000 (10%)")
                .contains("2.1333 samples/s")
                .contains("28:06 left");
    }

    @Test
    void goesOnWhereARunStopped() {
        ProgressBar bar = bar(false, 80, "resumed", 90, 100);
        now += 2 * SECOND;
        bar.step(4, Double.NaN);
        bar.close();
        assertThat(lines()).containsExactly("resumed  91/100 (91%)  loss NaN  2.0000 samples/s  1.23 GB  0:18 left");
    }

    @Test
    void messagesStandAboveTheBar() {
        ProgressBar bar = bar(true, 60, "x", 0, 2);
        now += SECOND;
        bar.step(1, 1);
        bytes.reset();
        bar.message("saved");
        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .startsWith("\rsaved\u001b[K" + System.lineSeparator() + "\rx  [");
        bytes.reset();
        ProgressBar plain = bar(false, 60, "x", 0, 2);
        plain.label("y");
        plain.message("saved");
        plain.close();
        assertThat(lines()).containsExactly("saved", "y  0/2 (0%)  1.23 GB  in 0:00");
    }

    @Test
    void durations() {
        assertThat(ProgressBar.duration(0.4)).isEqualTo("0:00");
        assertThat(ProgressBar.duration(59.6)).isEqualTo("1:00");
        assertThat(ProgressBar.duration(3661)).isEqualTo("1:01:01");
        assertThat(ProgressBar.duration(100 * 3600)).isEqualTo("4 d 4 h");
    }

    @Test
    void impossibleProgressIsRefused() {
        assertThatThrownBy(() -> bar(false, 80, "", 0, 0)).hasMessage("no progress from step 0 of 0");
        assertThatThrownBy(() -> bar(false, 80, "", 3, 2)).hasMessage("no progress from step 3 of 2");
    }

    @Test
    void residentMemoryIsReadFromTheStatusFile() {
        assertThat(ResidentMemory.resident(List.of("Name:\tjava", "VmHWM:\t 9 kB", "VmRSS:\t  123456 kB")))
                .isEqualTo(123456L * 1024);
        assertThat(ResidentMemory.resident(List.of("Name:\tjava"))).isPositive();
        assertThat(ResidentMemory.bytes()).isGreaterThan(1_000_000);
    }
}
