package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.models.dadm.Modality;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MissingModalitiesTest {
    @ParameterizedTest
    @ValueSource(strings = {"depth,ir", "IR, Depth", "infrared,depth,depth", " depth , infrared "})
    void depthAndInfrared(String text) {
        assertThat(MissingModalities.parse(text)).containsExactly(Modality.DEPTH, Modality.INFRARED);
    }

    @Test
    void colourOrNothing() {
        assertThat(MissingModalities.parse("rgb")).containsExactly(Modality.RGB);
        assertThat(MissingModalities.parse("color")).containsExactly(Modality.RGB);
        assertThat(MissingModalities.parse(" ")).isEmpty();
        assertThat(MissingModalities.parse("None")).isEmpty();
    }

    @Test
    void wrongNames() {
        refuses(
                "dept,ir",
                "missing modalities 'dept,ir': 'dept' is no modality; expected rgb, depth and ir, separated by commas;"
                        + " did you mean 'depth'?");
        refuses(
                "depth ir",
                "missing modalities 'depth ir': 'depth ir' is no modality; expected rgb, depth and ir, separated by"
                        + " commas");
        refuses(
                "depth,",
                "missing modalities 'depth,': '' is no modality; expected rgb, depth and ir, separated by commas");
        refuses("rgb,depth,ir", "missing modalities 'rgb,depth,ir': all three are missing; at least one must be left");
    }

    @Test
    void takenFromSamples() {
        Split split = Samples.split(Samples.domain("a", 1, 1)).without(MissingModalities.parse("depth,ir"));
        assertThat(split.samples()).allSatisfy(s -> {
            assertThat(s.picture(Modality.RGB)).isPresent();
            assertThat(s.picture(Modality.DEPTH)).isEmpty();
            assertThat(s.picture(Modality.INFRARED)).isEmpty();
        });
        Split depthOnly = Samples.split(Samples.domain("a", 1, 0)).without(Set.of(Modality.RGB, Modality.INFRARED));
        assertThat(depthOnly.samples().getFirst().depth()).isEqualTo(Path.of("depth", "a0.png"));
    }

    @Test
    void samplesThatHaveNothingElseAreRefused() {
        Sample colour = new Sample("a.png", Path.of("a.png"), null, null, Label.BONA_FIDE, "d", "", "s", null);
        assertThat(colour.without(Set.of(Modality.DEPTH))).isEqualTo(colour);
        assertThatThrownBy(() -> new Split("x", List.of(colour)).without(Set.of(Modality.RGB)))
                .isInstanceOf(DataException.class)
                .hasMessage("a.png: no picture is left without rgb");
    }

    private static void refuses(String text, String message) {
        assertThatThrownBy(() -> MissingModalities.parse(text))
                .isInstanceOf(DataException.class)
                .hasMessage(message);
    }
}
