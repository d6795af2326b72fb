package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SampleTest {
    @Test
    void needsAPicture() {
        assertThatThrownBy(() -> new Sample("a", null, null, null, Label.BONA_FIDE, "d", "", "s", null))
                .isInstanceOf(DataException.class)
                .hasMessage("a: no picture of any modality; at least one of rgb, depth and ir is needed");
    }

    @Test
    void exactlyAttacksHaveAType() {
        Path rgb = Path.of("a.png");
        assertThatThrownBy(() -> new Sample("a", rgb, null, null, Label.BONA_FIDE, "d", "print", "s", null))
                .hasMessage("a: attack type 'print' with label bona fide; exactly attacks have a type");
        assertThatThrownBy(() -> new Sample("a", rgb, null, null, Label.ATTACK, "d", "", "s", null))
                .hasMessage("a: attack type '' with label attack; exactly attacks have a type");
    }
}
