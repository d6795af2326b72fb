package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigJsonTest {
    @TempDir
    Path folder;

    private ConfigJson config(String text) {
        AtomicFile.write(folder.resolve("config.json"), text);
        return ConfigJson.read(folder);
    }

    @Test
    void readsEveryType() {
        ConfigJson c = config("{\"i\":12,\"l\":5000000000,\"d\":1e-6,\"w\":500000,\"t\":\"silu\",\"b\":true,\"n\":null,"
                + "\"li\":[1,2],\"ld\":[0.5,1],\"lt\":[\"a\"],\"o\":{\"x\":3,\"p\":null}}");
        assertThat(c.keys()).containsExactly("i", "l", "d", "w", "t", "b", "n", "li", "ld", "lt", "o");
        assertThat(c.integer("i")).isEqualTo(12);
        assertThat(c.positive("i")).isEqualTo(12);
        assertThat(c.whole("l")).isEqualTo(5_000_000_000L);
        assertThat(c.number("d")).isEqualTo(1e-6);
        assertThat(c.number("w")).isEqualTo(500_000);
        assertThat(c.text("t")).isEqualTo("silu");
        assertThat(c.flag("b")).isTrue();
        assertThat(c.wholes("li")).containsExactly(1L, 2L);
        assertThat(c.numbers("ld")).containsExactly(0.5, 1.0);
        assertThat(c.texts("lt")).containsExactly("a");
        assertThat(c.object("o").integer("x")).isEqualTo(3);
        assertThat(c.objectOrEmpty("none").keys()).isEmpty();
        assertThat(c.has("n")).isFalse();
        assertThat(c.has("i")).isTrue();
    }

    @Test
    void absentAndNullGiveTheDefault() {
        ConfigJson c = config("{\"n\":null}");
        for (String key : new String[] {"n", "none"}) {
            assertThat(c.integer(key, 7)).isEqualTo(7);
            assertThat(c.positive(key, 7)).isEqualTo(7);
            assertThat(c.whole(key, 7)).isEqualTo(7);
            assertThat(c.number(key, 0.5)).isEqualTo(0.5);
            assertThat(c.text(key, "x")).isEqualTo("x");
            assertThat(c.flag(key, true)).isTrue();
            assertThatThrownBy(() -> c.integer(key))
                    .isInstanceOf(WeightsException.class)
                    .hasMessage(c.path() + ": " + key + " is missing, expected a whole number");
        }
    }

    @Test
    void aWrongTypeIsNamedWithItsValueEvenWhereThereIsADefault() {
        ConfigJson c =
                config("{\"t\":\"big\",\"d\":1.5,\"z\":0,\"m\":-3,\"h\":3000000000,\"l\":[1,\"a\"],\"o\":{\"t\":[]}}");
        refused(c, x -> x.integer("t"), "t is \"big\", expected a whole number");
        refused(c, x -> x.integer("t", 3), "t is \"big\", expected a whole number");
        refused(c, x -> x.integer("d"), "d is 1.5, expected a whole number");
        refused(c, x -> x.integer("h"), "h is 3000000000, expected a whole number");
        refused(c, x -> x.positive("z"), "z is 0, expected a whole number above 0");
        refused(c, x -> x.positive("m", 4), "m is -3, expected a whole number above 0");
        refused(c, x -> x.number("t"), "t is \"big\", expected a number");
        refused(c, x -> x.flag("z"), "z is 0, expected true or false");
        refused(c, x -> x.text("z"), "z is 0, expected text");
        refused(c, x -> x.wholes("l"), "l is [1,\"a\"], expected a list of whole numbers");
        refused(c, x -> x.texts("t"), "t is \"big\", expected a list of texts");
        refused(c, x -> x.object("l"), "l is [1,\"a\"], expected an object");
        refused(c, x -> x.object("o").integer("t"), "o.t is [], expected a whole number");
        refused(c, x -> x.object("o").integer("u"), "o.u is missing, expected a whole number");
    }

    private static void refused(ConfigJson c, Function<ConfigJson, Object> get, String message) {
        assertThatThrownBy(() -> get.apply(c))
                .isInstanceOf(WeightsException.class)
                .hasMessage(c.path() + ": " + message);
    }

    @Test
    void complaintsOfTheModelLookTheSame() {
        ConfigJson c = config("{\"num_attention_heads\":12}");
        assertThat(c.invalid("num_attention_heads", "does not divide hidden_size 770"))
                .hasMessage(c.path() + ": num_attention_heads 12 does not divide hidden_size 770");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''|the file is empty",
                "[1]|expected a JSON object",
                "{\"a\":1,\"a\":2}|Duplicate field 'a'",
                "{\"a\":1} x|not valid JSON",
                "{\"a\":NaN}|not valid JSON",
                "{\"a\":|(line 1, column ",
                "{\"a\":1|(start marker at line 1, column 1) (line 1, column "
            })
    void refusesWhatIsNotOneObject(String text, String complaint) {
        assertThatThrownBy(() -> config(text))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContaining(complaint)
                .hasMessageNotContaining("\n");
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> ConfigJson.read(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessage(folder.resolve("config.json") + ": there is no such file");
    }
}
