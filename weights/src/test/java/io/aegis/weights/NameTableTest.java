package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NameTableTest {
    private static final NameTable TABLE = NameTable.empty()
            .rename("cls", "class_token")
            .rename("encoder.layer.{i}.out.weight", "blocks.{i}.mlp.weight")
            .rename("stage.{i}.unit.{j}.w", "u{j}.s{i}")
            .ignore("encoder.layer.{i}.inv_freq")
            .rename("vision.{*}", "v.{*}");

    @TempDir
    Path folder;

    @Test
    void renames() {
        assertThat(TABLE.apply("cls")).contains("class_token");
        assertThat(TABLE.apply("encoder.layer.11.out.weight")).contains("blocks.11.mlp.weight");
        assertThat(TABLE.apply("stage.3.unit.40.w")).contains("u40.s3");
        assertThat(TABLE.apply("vision.a.0.b$1")).contains("v.a.0.b$1");
    }

    @Test
    void fitsWholeNamesAndPlainNumbersOnly() {
        for (String name : new String[] {
            "clss",
            "xcls",
            "encoder.layer..out.weight",
            "encoder.layer.01.out.weight",
            "encoder.layer.x.out.weight",
            "encoder.layer.-1.out.weight",
            "encoderxlayer.1.out.weight",
            "encoder.layer.1.out.weight.more"
        }) {
            assertThat(TABLE.apply(name)).isEmpty();
            assertThat(TABLE.knows(name)).isFalse();
        }
    }

    @Test
    void ignoredNamesAreKnownButHaveNoNewName() {
        assertThat(TABLE.knows("encoder.layer.2.inv_freq")).isTrue();
        assertThat(TABLE.apply("encoder.layer.2.inv_freq")).isEmpty();
    }

    @Test
    void theFirstRuleThatFitsDecides() {
        NameTable table = NameTable.empty().rename("a.{i}", "number.{i}").rename("a.{*}", "rest.{*}");
        assertThat(table.apply("a.1")).contains("number.1");
        assertThat(table.apply("a.b")).contains("rest.b");
    }

    @Test
    void theInverseGoesBack() {
        for (String name : new String[] {"cls", "encoder.layer.7.out.weight", "stage.3.unit.40.w", "vision.x"}) {
            assertThat(TABLE.inverse().apply(TABLE.apply(name).orElseThrow())).contains(name);
        }
    }

    @Test
    void refusesRulesWhoseSidesDiffer() {
        assertThatThrownBy(() -> NameTable.empty().rename("a.{i}", "b"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("a.{i} -> b: ");
        assertThatThrownBy(() -> NameTable.empty().rename("a.{i}.{i}", "b.{i}"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private Safetensors file(String... names) {
        Path file = folder.resolve("m.safetensors");
        SafetensorsWriter.write(
                file,
                Map.of("k", "v"),
                Arrays.stream(names)
                        .map(n -> SafetensorsRoundTripTest.filled(n, StoredType.U8, n.length(), 1))
                        .toList());
        return Safetensors.open(file);
    }

    @Test
    void aCheckpointUnderNewNames() {
        try (Checkpoint c = TABLE.over(file("vision.x", "encoder.layer.0.inv_freq", "cls"))) {
            assertThat(c.names()).containsExactly("v.x", "class_token");
            assertThat(c.info("v.x")).hasToString("v.x U8[1]");
            assertThat(Views.of(c, "v.x").get(0)).isEqualTo(8);
            assertThat(c.has("vision.x")).isFalse();
            assertThat(c.metadata()).containsEntry("k", "v");
            assertThatThrownBy(() -> c.bytes("vision.x")).isInstanceOf(WeightsException.class);
        }
    }

    @Test
    void listsAllNamesThatTheLayoutDoesNotHave() {
        try (Safetensors st = file("cls", "x", "y")) {
            assertThatThrownBy(() -> TABLE.over(st))
                    .isInstanceOf(WeightsException.class)
                    .hasMessage(st.path() + ": names that this layout does not have: x, y");
        }
    }

    @Test
    void refusesTwoTensorsOfOneNewName() {
        NameTable table = NameTable.empty().rename("a", "c").rename("b", "c");
        try (Safetensors st = file("a", "b")) {
            assertThatThrownBy(() -> table.over(st))
                    .isInstanceOf(WeightsException.class)
                    .hasMessage(st.path() + ": tensor b and tensor a would both become c");
        }
    }
}
