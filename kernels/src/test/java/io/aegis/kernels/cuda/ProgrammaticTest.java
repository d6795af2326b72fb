package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A kernel that may begin before the one before it has ended, and does not wait for it, would read what is not there yet. */
class ProgrammaticTest {
    /** The first word of a kernel's body. */
    private static final Pattern FIRST = Pattern.compile("\\bKERNEL\\([^{;]*?\\)\\s*\\{\\s*(\\w+\\()");

    static Stream<String> files() {
        return KernelCatalogue.variants().stream()
                .filter(Programmatic::waits)
                .map(Variant::file)
                .distinct();
    }

    @ParameterizedTest
    @MethodSource("files")
    void everyKernelOfSuchAFileWaitsFirst(String file) {
        String source = CompileJob.resource(file).replaceAll("//[^\\n]*", "").replace("\\\n", "\n");
        List<String> first =
                FIRST.matcher(source).results().map(m -> m.group(1)).toList();
        assertThat(first).isNotEmpty().hasSize(source.split("\\bKERNEL\\(", -1).length - 1);
        assertThat(first).as(file).allMatch("wait_for_previous("::equals);
    }

    /** In the words themselves nothing but a fetch that no later write escapes is before the wait, and the next kernel is let in behind it. */
    @Test
    void theWordsWait() {
        String words = CompileJob.resource("programmatic.cuh");
        assertThat(words.indexOf("griddepcontrol.wait;")).isPositive().isLessThan(words.indexOf(".launch_dependents;"));
        assertThat(words).doesNotContainPattern("\"(ld|st|atom|red)\\.");
        assertThat(words).containsPattern("prefetch\\.global\\.L2[^}]*wait_for_previous\\(\\);");
    }

    @Test
    void onlyNewerDevicesHaveThem() {
        Variant waiting = Programmatic.both(Variant.of("rotary_append.cu")).getLast();
        assertThat(Programmatic.waits(waiting)).isTrue();
        for (String arch : KernelCatalogue.ARCHITECTURES) {
            assertThat(KernelCatalogue.isAskedFor(waiting, arch))
                    .as(arch)
                    .isEqualTo(!List.of("sm_80", "sm_86", "sm_89").contains(arch));
        }
    }
}
