package io.aegis.cli.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SectionTest {
    /** What a section says of kernels that are no GPU's. */
    private static List<Line> lines(Section section) {
        List<Line> lines = new ArrayList<>();
        section.run(Backends.scalar(), new Section.Extent(null, 1, false, null), new Section.Listener() {
            @Override
            public void begins(String row) {
                throw new AssertionError(row + " is computed");
            }

            @Override
            public void says(Line line) {
                lines.add(line);
            }
        });
        return lines;
    }

    @ParameterizedTest
    @EnumSource(
            value = Section.class,
            names = {"CUDNN_BF16", "CUDNN_F16"})
    void whatIsNotInstalledIsLeftOut(Section section) {
        assertThat(lines(section)).singleElement().satisfies(l -> {
            assertThat(l.note()).startsWith("left out: ");
            assertThat(l.failed()).isFalse();
        });
    }

    /** Figures of kernels that were not taken would be those of others. */
    @ParameterizedTest
    @EnumSource(
            value = Section.class,
            names = {"HOPPER_BF16", "HOPPER_F16", "HOPPER_LARGE", "HOPPER_SPEED", "HOPPER_UNORDERED"})
    void whatADeviceHasNotIsLeftOut(Section section) {
        assertThat(lines(section)).singleElement().satisfies(l -> {
            assertThat(l.note()).startsWith("left out: ");
            assertThat(l.failed()).isFalse();
            assertThat(l.value()).isNaN();
        });
        assertThat(section.flags()).contains("-Daegis.cuda.hopper=true", "-Daegis.cublas=none");
    }
}
