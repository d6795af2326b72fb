package io.aegis.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class PaperProtocolTest {
    @Test
    void accuracyAndHterDisagreeAtTies() {
        // Vertices (FPR, TPR): (0, 1/2) at 0.6 and (1/2, 1) at 0.4 both miss the diagonal by 1/2; (0, 0) by 1.
        PaperProtocol p = PaperProtocol.of(
                Scores.of("t", Split.TEST, new double[] {.6, .4, .4, .1}, new boolean[] {true, true, false, false}));
        assertThat(p.threshold()).isEqualTo(.6);
        assertThat(p.hter()).isEqualTo(.25);
        // The bona fide sample on the threshold is accepted by the ROC and wrong in accuracy.
        assertThat(p.accuracy()).isEqualTo(.5);
        assertThat(p.auc()).isEqualTo(3.5 / 4);
    }

    @Test
    void nothingSeparatesGivesTheOrigin() {
        PaperProtocol p = PaperProtocol.of(
                Scores.of("t", Split.TEST, new double[] {.5, .5, .5}, new boolean[] {true, false, false}));
        assertThat(p.threshold()).isGreaterThan(.5);
        assertThat(p.hter()).isEqualTo(.5);
        assertThat(p.accuracy()).isCloseTo(2.0 / 3, within(1e-15));
    }

    @Test
    void verticesOnAStraightLineAreDropped() {
        // One bona fide on top, then attacks: the corner at 0.9 is kept although it continues the origin's step.
        PaperProtocol p =
                PaperProtocol.of(Scores.of("t", Split.TEST, new double[] {.9, .8, .7, .6, .5, .4}, new boolean[] {
                    true, true, true, true, false, false
                }));
        assertThat(p.threshold()).isEqualTo(.6);
        // Alternating pairs make a diagonal whose inner vertices turn; whole ties make one that does not.
        PaperProtocol tied =
                PaperProtocol.of(Scores.of("t", Split.TEST, new double[] {.9, .9, .5, .5, .1, .1}, new boolean[] {
                    true, false, true, false, true, false
                }));
        // Kept are the origin, 0.9 and 0.1; 0.5 lies on the line between and is gone.
        assertThat(tied.threshold()).isEqualTo(.9);
        assertThat(tied.hter()).isCloseTo(.5, within(1e-15));
    }

    @Test
    void saysWhatItIs() {
        PaperProtocol p =
                PaperProtocol.of(Scores.of("wmca", Split.TEST, new double[] {.75, .25}, new boolean[] {true, false}));
        assertThat(p).hasToString("""
                        wmca, paper's protocol (threshold chosen on the measured set itself)
                          threshold  0.750000
                          AUC        1.0000
                          HTER       0.0000
                          accuracy   0.5000""");
        assertThat(p.toMap())
                .containsEntry("protocol", PaperProtocol.LABEL)
                .containsEntry("auc", 1.0)
                .containsEntry("hter", 0.0)
                .containsEntry("accuracy", 0.5);
    }

    /** The published code's own numbers: acc, auc, hter of every metrics case in cases.safetensors. */
    @Test
    void publishedCode() throws IOException {
        Path file = Path.of(System.getProperty("aegis.golden", "absent"), "dadm", "cases.safetensors");
        Assumptions.assumeTrue(Files.exists(file), "no golden data at " + file);
        Cases cases = new Cases(Files.readAllBytes(file));
        assertThat(cases.names()).isNotEmpty();
        for (String name : cases.names()) {
            double[] score = cases.doubles("metrics/" + name + "/score");
            long[] label = cases.longs("metrics/" + name + "/label");
            boolean[] bonaFide = new boolean[label.length];
            for (int i = 0; i < label.length; i++) {
                bonaFide[i] = label[i] == 1;
            }
            PaperProtocol p = PaperProtocol.of(Scores.of(name, Split.TEST, score, bonaFide));
            assertThat(new double[] {p.accuracy(), p.auc(), p.hter()})
                    .as(name)
                    .containsExactly(cases.doubles("metrics/" + name + "/acc_auc_hter"), within(1e-12));
        }
    }

    /** Just enough of the safetensors format for flat F64 and I64 tensors. */
    private record Cases(byte[] file) {
        List<String> names() {
            Matcher m = Pattern.compile("\"metrics/([^/\"]+)/score\"").matcher(header());
            return m.results().map(r -> r.group(1)).toList();
        }

        double[] doubles(String name) {
            ByteBuffer data = data(name);
            double[] values = new double[data.remaining() / 8];
            data.asDoubleBuffer().get(values);
            return values;
        }

        long[] longs(String name) {
            ByteBuffer data = data(name);
            long[] values = new long[data.remaining() / 8];
            data.asLongBuffer().get(values);
            return values;
        }

        private ByteBuffer data(String name) {
            Matcher m = Pattern.compile("\"" + Pattern.quote(name)
                            + "\"\\s*:\\s*\\{[^}]*\"data_offsets\"\\s*:\\s*\\[\\s*(\\d+)\\s*,\\s*(\\d+)")
                    .matcher(header());
            assertThat(m.find()).as(name).isTrue();
            int begin = Integer.parseInt(m.group(1));
            int end = Integer.parseInt(m.group(2));
            return ByteBuffer.wrap(file, 8 + headerSize() + begin, end - begin)
                    .slice()
                    .order(ByteOrder.LITTLE_ENDIAN);
        }

        private String header() {
            return new String(file, 8, headerSize(), StandardCharsets.UTF_8);
        }

        private int headerSize() {
            return (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        }
    }
}
