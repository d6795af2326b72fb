package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlexModalTest {
    private static final String SURF = "CASIA-SURF-CROP/real_part/real_train_part/CLKJ_AS0005/real.rssdk";
    private static final String CEFA = "CeFA/CeFA-Race/CA/CA-199/2_199_3_2_2";
    private static final String WMCA = "WMCA-Image/R_CDIT/501_01_000_";

    @TempDir
    Path root;

    @BeforeEach
    void tree() throws IOException {
        for (String part : List.of("train", "val", "test")) {
            list("CASIA-SURF_CeFA_" + part, row(SURF, "color", "131.jpg", 1), row(CEFA, "profile", "0015.jpg", 0));
        }
        String[] attacks = {
            row(WMCA + "2_02", "color", "0012.jpg", 0),
            row(WMCA + "3_01", "color", "0012.jpg", 0),
            row(WMCA + "9_09", "color", "0012.jpg", 0)
        };
        list("WMCA_test", row(WMCA + "0_00", "color", "0012.jpg", 1), attacks[0], attacks[1], attacks[2]);
        list("WMCA_test_fakehead", attacks[0]);
        list("WMCA_test_print", attacks[1]);
    }

    @Test
    void oneListOfTwoSets() {
        Protocol protocol = FlexModal.open(root, List.of("CASIA-SURF_CeFA"), List.of("CASIA-SURF_CeFA"));
        assertThat(protocol.domains()).containsExactly("SURF", "CeFA");
        assertThat(protocol.train().samples()).extracting(Sample::domain).containsExactly("SURF", "CeFA");
        assertThat(protocol.train().samples().getLast().depth())
                .isEqualTo(root.resolve(CEFA).resolve("depth/0015.jpg"));
        assertThat(protocol.development().size()).isEqualTo(2);
        assertThat(protocol.test().size()).isEqualTo(2);
    }

    @Test
    void attacksByTypeFromTheListsBeside() {
        Split test = FlexModal.open(root, List.of("CASIA-SURF_CeFA"), List.of("WMCA"))
                .test();
        assertThat(test.samples()).extracting(Sample::attack).containsExactly("", "fakehead", "print", Sample.UNKNOWN);
    }

    @Test
    void listOfOneAttack() {
        Split test = FlexModal.open(root, List.of("CASIA-SURF_CeFA"), List.of("WMCA_test_print"))
                .test();
        assertThat(test.samples()).extracting(Sample::attack).containsExactly("print");
    }

    @Test
    void wrongLists() throws IOException {
        assertThatThrownBy(() -> FlexModal.open(root, List.of("WMCA"), List.of("WMCA")))
                .isInstanceOf(DataException.class)
                .hasMessage(root + ": no list WMCA_train.txt, neither in FlexModal_Protocols nor in the root");
        assertThatThrownBy(() -> FlexModal.open(root, List.of("CASIA-SURF_CeFA"), List.of("SiW")))
                .hasMessage(root + ": no list SiW_test.txt or SiW.txt, neither in FlexModal_Protocols nor in the root");
        assertThatThrownBy(() -> FlexModal.open(root, List.of(), List.of("WMCA")))
                .hasMessage("no data set to train on; expected at least one");
        Path list = list("X_test", row("OULU/1", "color", "1.jpg", 1));
        assertThatThrownBy(() -> FlexModal.open(root, List.of("CASIA-SURF_CeFA"), List.of("X")))
                .hasMessage(list + ", line 1: 'OULU/1/color/1.jpg' is of no known data set; expected a path that begins"
                        + " with WMCA-Image/R_CDIT/, CeFA/ or CASIA-SURF-CROP/");
    }

    @Test
    void missingPictures() throws IOException {
        Path gone = root.resolve(WMCA + "0_00/depth/0012.jpg");
        Files.delete(gone);
        assertThatThrownBy(() -> FlexModal.open(root, List.of("CASIA-SURF_CeFA"), List.of("WMCA")))
                .hasMessage(root + ": 1 picture is missing: WMCA_test.txt line 1 depth: " + gone);
    }

    private String row(String video, String colour, String file, int label) throws IOException {
        for (String name : List.of(colour, "depth", "ir")) {
            Path path = root.resolve(video).resolve(name).resolve(file);
            Files.createDirectories(path.getParent());
            Files.writeString(path, "x");
        }
        return video + "/" + colour + "/" + file + " " + video + "/depth/" + file + " " + video + "/ir/" + file + " "
                + label;
    }

    private Path list(String name, String... rows) throws IOException {
        Path folder = Files.createDirectories(root.resolve("FlexModal_Protocols"));
        return Files.writeString(folder.resolve(name + ".txt"), String.join("\r\n", rows));
    }
}
