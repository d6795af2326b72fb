package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On trees of a few files that lie as the published data sets do. */
class MmdgBenchmarkTest {
    @TempDir
    Path root;

    @Test
    void wmca() throws IOException {
        video("WMCA-Image/R_CDIT/001_02_013_3_05", "color", "0012.jpg");
        lists("W", row("WMCA-Image/R_CDIT/001_02_013_3_05", "color", "0012.jpg", 0));
        Path folder = root.resolve("WMCA-Image/R_CDIT/001_02_013_3_05");
        assertThat(test("WMCA"))
                .containsExactly(new Sample(
                        "WMCA/001_02_013_3_05/color/0012.jpg",
                        folder.resolve("color/0012.jpg"),
                        folder.resolve("depth/0012.jpg"),
                        folder.resolve("ir/0012.jpg"),
                        Label.ATTACK,
                        "WMCA",
                        Sample.UNKNOWN,
                        "WMCA/001",
                        null));
    }

    @Test
    void wmcaWhereThePublishedCodeHasIt() throws IOException {
        video("WMCA/image/001_02_013_0_05", "color", "0012.jpg");
        lists("W", row("WMCA-Image/R_CDIT/001_02_013_0_05", "color", "0012.jpg", 1));
        Sample sample = test("w").getFirst();
        assertThat(sample.infrared()).isEqualTo(root.resolve("WMCA/image/001_02_013_0_05/ir/0012.jpg"));
        assertThat(sample.bonaFide()).isTrue();
        assertThat(sample.attack()).isEmpty();
    }

    @Test
    void cefa() throws IOException {
        video("CeFA/CeFA-Race/AF/AF-300/1_300_1_1_1", "profile", "0026.jpg");
        video("CeFA/CeFA-Mask/Silicone-Mask/008/2_008_1_1_2_1_4", "profile", "0076.jpg");
        lists(
                "C",
                row("CeFA/CeFA-Race/AF/AF-300/1_300_1_1_1", "profile", "0026.jpg", 1),
                row("CeFA/CeFA-Mask/Silicone-Mask/008/2_008_1_1_2_1_4", "profile", "0076.jpg", 0));
        List<Sample> samples = test("CeFA");
        Path folder = root.resolve("CeFA/CeFA-Race/AF/AF-300/1_300_1_1_1");
        assertThat(samples.getFirst())
                .isEqualTo(new Sample(
                        "CeFA/CeFA-Race/AF/AF-300/1_300_1_1_1/profile/0026.jpg",
                        folder.resolve("profile/0026.jpg"),
                        folder.resolve("depth/0026.jpg"),
                        folder.resolve("ir/0026.jpg"),
                        Label.BONA_FIDE,
                        "CeFA",
                        "",
                        "CeFA/CeFA-Race/AF/AF-300",
                        null));
        assertThat(samples.getLast().attack()).isEqualTo("Silicone-Mask");
        assertThat(samples.getLast().subject()).isEqualTo("CeFA/CeFA-Mask/Silicone-Mask/008");
    }

    @Test
    void surf() throws IOException {
        video("SURF/fake_part/fake_test_part/CLKJ_CS0117/06_enm_b.rssdk", "color", "41.jpg");
        lists("S", row("CASIA-SURF-CROP/fake_part/fake_test_part/CLKJ_CS0117/06_enm_b.rssdk", "color", "41.jpg", 0));
        Sample sample = test("CASIA-SURF").getFirst();
        Path folder = root.resolve("SURF/fake_part/fake_test_part/CLKJ_CS0117/06_enm_b.rssdk");
        assertThat(List.of(sample.rgb(), sample.depth(), sample.infrared()))
                .containsExactly(
                        folder.resolve("color/41.jpg"), folder.resolve("depth/41.jpg"), folder.resolve("ir/41.jpg"));
        assertThat(sample.subject()).isEqualTo("SURF/CLKJ_CS0117");
        assertThat(sample.attack()).isEqualTo("06_enm_b");
        assertThat(sample.domain()).isEqualTo("SURF");
    }

    @Test
    void padisi() throws IOException {
        for (String name : List.of("color", "depth", "ir")) {
            touch("USC_MULTI_SPECTRAL/image/zd6c8787/" + name + ".jpg");
        }
        lists("P", "zd6c8787.npz\t1");
        Path folder = root.resolve("USC_MULTI_SPECTRAL/image/zd6c8787");
        assertThat(test("USC"))
                .containsExactly(new Sample(
                        "PADISI/zd6c8787/color.jpg",
                        folder.resolve("color.jpg"),
                        folder.resolve("depth.jpg"),
                        folder.resolve("ir.jpg"),
                        Label.BONA_FIDE,
                        "PADISI",
                        "",
                        "PADISI/zd6c8787",
                        null));
    }

    @Test
    void developmentIsOfTheTrainingSetsAndTestOfTheOthers() throws IOException {
        for (String part : List.of("train", "val", "test")) {
            for (String id : List.of("1", "2")) {
                video("WMCA-Image/R_CDIT/" + part + id, "color", "0012.jpg");
                video("CASIA-SURF-CROP/" + part + id, "color", "1.jpg");
                video("CeFA/" + part + id, "profile", "1.jpg");
            }
            list("W-" + part, "WMCA-Image/R_CDIT/" + part, "color", "0012.jpg");
            list("S-" + part, "CASIA-SURF-CROP/" + part, "color", "1.jpg");
            list("C-" + part, "CeFA/" + part, "profile", "1.jpg");
        }
        Protocol protocol = MmdgBenchmark.open(root, List.of("surf", "CeFA"), List.of("WMCA"));
        assertThat(protocol.domains()).containsExactly("SURF", "CeFA");
        assertThat(protocol.train().samples())
                .extracting(Sample::id)
                .containsExactly(
                        "SURF/train1/color/1.jpg",
                        "SURF/train2/color/1.jpg",
                        "CeFA/train1/profile/1.jpg",
                        "CeFA/train2/profile/1.jpg");
        assertThat(protocol.development().samples())
                .extracting(Sample::id)
                .containsExactly(
                        "SURF/val1/color/1.jpg",
                        "SURF/val2/color/1.jpg",
                        "CeFA/val1/profile/1.jpg",
                        "CeFA/val2/profile/1.jpg");
        assertThat(protocol.test().samples())
                .extracting(Sample::id)
                .containsExactly("WMCA/test1/color/0012.jpg", "WMCA/test2/color/0012.jpg");
        assertThat(protocol.train().count(Label.ATTACK)).isEqualTo(2);
    }

    @Test
    void wrongNames() {
        refuses(
                List.of("CeFa", "Surff"),
                List.of("WMCA"),
                "data set 'Surff'; expected one of WMCA, CeFA, SURF, PADISI;" + " did you mean 'SURF'?");
        refuses(List.of(), List.of("WMCA"), "no data set to train on; expected at least one");
        refuses(List.of("W"), List.of(), "no data set to test on; expected at least one");
        refuses(List.of("W", "wmca"), List.of("S"), "data set WMCA is there twice to train on");
    }

    @Test
    void wrongRoots() throws IOException {
        Path nowhere = root.resolve("nowhere");
        assertThatThrownBy(() -> MmdgBenchmark.open(nowhere, List.of("W"), List.of("W")))
                .isInstanceOf(DataException.class)
                .hasMessage(nowhere + ": there is no such folder; expected the root of the data sets");
        refuses(List.of("W"), List.of("C"), root + ": no list W-train.txt, neither in MMDG-Benchmark nor in the root");
        lists("W", row("WMCA-Image/R_CDIT/1", "color", "1.jpg", 0));
        refuses(
                List.of("W"),
                List.of("W"),
                root + ": no pictures of WMCA; expected one of the folders WMCA-Image/R_CDIT, WMCA/image");
        lists("C", row("CeFA/1", "profile", "1.jpg", 0));
        refuses(List.of("C"), List.of("W"), root + ": no pictures of CeFA; expected the folder CeFA");
    }

    @Test
    void listsMayLieInTheRoot() throws IOException {
        video("CeFA/1", "profile", "1.jpg");
        for (String part : List.of("train", "val", "test")) {
            Files.writeString(root.resolve("C-" + part + ".txt"), row("CeFA/1", "profile", "1.jpg", 1));
        }
        assertThat(test("C")).hasSize(1);
    }

    @Test
    void wrongLines() throws IOException {
        video("CeFA/1", "profile", "1.jpg");
        String good = row("CeFA/1", "profile", "1.jpg", 1);
        refusesLine(good + "\r\n\r\nCeFA/1/profile/1.jpg 1", "3: 2 fields; expected 4: rgb depth ir label");
        refusesLine(good.replaceAll("1$", "2"), "1: label '2'; expected 1 for bona fide or 0 for an attack");
        refusesLine(good.replaceAll("1$", "live"), "1: label 'live'; expected 1 for bona fide or 0 for an attack");
        // The published flexible loader would have taken this picture for depth and infrared as well.
        refusesLine(
                row("CeFA/1", "color", "1.jpg", 1),
                "1: '1/color/1.jpg' lies in no folder 'profile', as the pictures of CeFA do");
        refusesLine(
                good.replace("depth/1.jpg", "depth/2.jpg"),
                "1: depth is 'CeFA/1/depth/2.jpg'; expected 'CeFA/1/depth/1.jpg', beside the colour picture");
        refusesLine(
                good.replace("/ir/", "/thermal/"),
                "1: ir is 'CeFA/1/thermal/1.jpg'; expected 'CeFA/1/ir/1.jpg', beside the colour picture");
        refusesLine(good.replace("1.jpg", "\0.jpg"), "1: 'CeFA/1/profile/?.jpg' cannot be the name of a file");
    }

    @Test
    void missingPicturesOfAllListsInOneMessage() throws IOException {
        video("CeFA/1", "profile", "1.jpg");
        Files.delete(root.resolve("CeFA/1/ir/1.jpg"));
        lists("C", row("CeFA/1", "profile", "1.jpg", 1));
        String ir = root.resolve("CeFA/1/ir/1.jpg").toString();
        refuses(
                List.of("C"),
                List.of("C"),
                root + ": 3 pictures are missing: C-train.txt line 1 ir: " + ir + "; C-val.txt line 1 ir: " + ir
                        + "; C-test.txt line 1 ir: " + ir);
    }

    private List<Sample> test(String name) {
        return MmdgBenchmark.open(root, List.of(name), List.of(name)).test().samples();
    }

    private void refuses(List<String> train, List<String> test, String message) {
        assertThatThrownBy(() -> MmdgBenchmark.open(root, train, test))
                .isInstanceOf(DataException.class)
                .hasMessage(message);
    }

    private void refusesLine(String text, String message) throws IOException {
        lists("C", text);
        Path list = root.resolve("MMDG-Benchmark/C-train.txt");
        refuses(List.of("C"), List.of("C"), list + ", line " + message);
    }

    private static String row(String video, String colour, String file, int label) {
        return video + "/" + colour + "/" + file + " " + video + "/depth/" + file + " " + video + "/ir/" + file + " "
                + label;
    }

    /** All three lists of a set, with the line ends of the published ones and none after the last. */
    private void lists(String letter, String... rows) throws IOException {
        Path folder = Files.createDirectories(root.resolve("MMDG-Benchmark"));
        for (String part : List.of("train", "val", "test")) {
            Files.writeString(folder.resolve(letter + "-" + part + ".txt"), String.join("\r\n", rows));
        }
    }

    private void list(String name, String video, String colour, String file) throws IOException {
        Path folder = Files.createDirectories(root.resolve("MMDG-Benchmark"));
        Files.writeString(
                folder.resolve(name + ".txt"),
                row(video + 1, colour, file, 1) + "\r\n" + row(video + 2, colour, file, 0));
    }

    private void video(String video, String colour, String file) throws IOException {
        for (String name : List.of(colour, "depth", "ir")) {
            touch(video + "/" + name + "/" + file);
        }
    }

    private void touch(String file) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, "x");
    }
}
