package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Only the asked command is looked into; nobody is to notice. */
class MainTest {
    private static final Pattern LISTED = Pattern.compile("(?m)^  ([a-z][a-z-]+) ");

    @Test
    void everyListedCommandAnswersAlone() {
        String help = aegis("--help").out();
        List<String> names = LISTED.matcher(help)
                .results()
                .map((MatchResult m) -> m.group(1))
                .toList();
        assertThat(names)
                .contains("demo", "train", "score", "analyze", "doctor", "bench", "quantize", "gpu-check")
                .hasSize(16);
        for (String name : names) {
            Typed own = aegis("--trace", name, "--help");
            assertThat(own.status()).as(name).isZero();
            assertThat(own.out()).contains("Usage: aegis " + name);
        }
    }

    @Test
    void withoutACommandAllAreListed() {
        assertThat(aegis().out()).contains("score", "gpu-check");
        assertThat(aegis("-V").out()).startsWith("aegis ");
        assertThat(aegis("--version").out()).isEqualTo(aegis("-V").out());
    }

    @Test
    void aMistypedCommandIsNamed() {
        Typed r = aegis("scor", "--rgb", "a.png");
        assertThat(r.status()).isEqualTo(2);
        assertThat(r.err()).contains("scor", "score");
    }
}
