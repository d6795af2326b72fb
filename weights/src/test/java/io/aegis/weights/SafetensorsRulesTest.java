package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every rule of the format, each broken by one file. */
class SafetensorsRulesTest {
    @TempDir
    Path folder;

    private static String tensor(String name, String dtype, String shape, long begin, long end) {
        return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" + begin + ","
                + end + "]}";
    }

    private static final String A = tensor("a", "F32", "[2]", 0, 8);

    static Stream<Arguments> brokenHeaders() {
        return Stream.of(
                arguments("", 0, "not a JSON object"),
                arguments("    ", 0, "not a JSON object"),
                arguments("[]", 0, "not a JSON object"),
                arguments("\"a\"", 0, "not a JSON object"),
                arguments("{", 0, "not valid JSON"),
                arguments("{" + A, 8, "not valid JSON"),
                arguments("{" + A + ",}", 8, "not valid JSON"),
                arguments("{" + A + "} {}", 8, "more than one JSON value"),
                arguments("{" + A + "}x", 8, "not valid JSON"),
                arguments("{" + A + "}\0", 8, "not valid JSON"),
                arguments("\ufeff{" + A + "}", 8, "not valid JSON"),
                arguments("{'a':1}", 0, "not valid JSON"),
                arguments("{/* */" + A + "}", 8, "not valid JSON"),
                arguments("{" + A + "," + tensor("a", "F32", "[2]", 8, 16) + "}", 16, "Duplicate field 'a'"),
                arguments(
                        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                        8,
                        "at tensor a, not valid JSON: Duplicate field 'dtype'"),
                arguments("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "Duplicate field '__metadata__'"),
                arguments("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "Duplicate field 'k'"),
                arguments("{\"__metadata__\":{\"k\":1}}", 0, "something else than text under k"),
                arguments("{\"__metadata__\":{\"k\":null}}", 0, "something else than text under k"),
                arguments("{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object"),
                arguments("{\"a\":1}", 0, "tensor a is not described by a JSON object"),
                arguments("{\"a\":null}", 0, "tensor a is not described by a JSON object"),
                arguments("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor a has no dtype"),
                arguments("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "tensor a has no shape"),
                arguments("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor a has no data_offsets"),
                arguments("{" + tensor("a", "F33", "[2]", 0, 8) + "}", 8, "tensor a has the unknown dtype F33"),
                arguments("{" + tensor("a", "f32", "[2]", 0, 8) + "}", 8, "tensor a has the unknown dtype f32"),
                arguments("{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype that is not text"),
                arguments("{" + tensor("a", "F32", "2", 0, 8) + "}", 8, "tensor a has a shape that is not a list"),
                arguments("{" + tensor("a", "F32", "[-2]", 0, 8) + "}", 8, "tensor a has -2 in shape"),
                arguments("{" + tensor("a", "F32", "[-0]", 0, 0) + "}", 0, "tensor a has -0 in shape"),
                arguments("{" + tensor("a", "F32", "[2.0]", 0, 8) + "}", 8, "tensor a has 2.0 in shape"),
                arguments("{" + tensor("a", "F32", "[\"2\"]", 0, 8) + "}", 8, "tensor a has 2 in shape"),
                arguments("{" + tensor("a", "F32", "[[2]]", 0, 8) + "}", 8, "in shape"),
                arguments("{" + tensor("a", "F32", "[9223372036854775808]", 0, 8) + "}", 8, "9223372036854775808"),
                arguments("{" + tensor("a", "F32", "[4294967296,4294967296]", 0, 0) + "}", 0, "too large to address"),
                arguments("{" + tensor("a", "F64", "[1152921504606846976]", 0, 0) + "}", 0, "too large to address"),
                arguments("{" + tensor("a", "F4", "[3]", 0, 2) + "}", 2, "does not end on a whole byte"),
                arguments("{" + tensor("a", "F6_E2M3", "[2]", 0, 2) + "}", 2, "does not end on a whole byte"),
                arguments(
                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}",
                        8,
                        "tensor a has 1 numbers in data_offsets, expected 2"),
                arguments("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, "has 3 numbers"),
                arguments("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,-8]}}", 8, "has -8"),
                arguments(
                        "{" + tensor("a", "F32", "[3]", 0, 8) + "}",
                        8,
                        "has 8 bytes (data_offsets [0, 8]), but F32[3]"),
                arguments("{" + tensor("a", "F16", "[2]", 0, 8) + "}", 8, "but F16[2] needs 4"),
                arguments("{" + tensor("a", "F32", "[]", 0, 0) + "}", 0, "but F32[] needs 4"),
                arguments("{" + tensor("a", "F32", "[2]", 8, 0) + "}", 8, "tensor a ends before it begins"),
                arguments("{" + tensor("a", "F32", "[2]", 4, 12) + "}", 12, "tensor a leaves a hole"),
                arguments("{" + A + "," + tensor("b", "F32", "[2]", 12, 20) + "}", 20, "tensor b leaves a hole"),
                arguments("{" + A + "," + tensor("b", "F32", "[2]", 4, 12) + "}", 12, "tensor b overlaps another"),
                arguments("{" + A + "," + tensor("b", "F32", "[2]", 0, 8) + "}", 8, "tensor b overlaps another"),
                arguments("{" + A + "," + tensor("b", "F32", "[0]", 4, 4) + "}", 8, "tensor b overlaps another"),
                arguments("{" + A + "}", 7, "is cut short: the tensors need 8 bytes behind the header, there are 7"),
                arguments("{" + A + "}", 0, "is cut short"),
                arguments("{" + A + "}", 9, "has 1 bytes behind the last tensor"),
                arguments("{}", 1, "has 1 bytes behind the last tensor"),
                arguments("{\"\\ud800\":" + A.substring(4) + "}", 8, "surrogate pair"),
                arguments("{\"__metadata__\":{\"k\":\"\\udc00\"}}", 0, "half of a surrogate pair"));
    }

    @ParameterizedTest
    @MethodSource("brokenHeaders")
    void refusesABrokenHeaderInOneSentenceThatNamesTheFile(String header, int dataBytes, String complaint) {
        Path file = Forge.write(folder, "m.safetensors", Forge.safetensors(header, dataBytes));
        assertRefused(file, complaint);
    }

    private static void assertRefused(Path file, String complaint) {
        assertThatThrownBy(() -> Safetensors.open(file))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(complaint)
                .hasMessageNotContaining("\n");
    }

    @Test
    void refusesAHeaderThatIsNotUtf8() {
        byte[] header = ("{" + A + "}").getBytes(StandardCharsets.UTF_8);
        header[2] = (byte) 0xff;
        assertRefused(Forge.write(folder, "m", Forge.safetensors(header, 8)), "not valid UTF-8");
        // A surrogate in three bytes, and an overlong slash: lenient decoders take both.
        byte[] surrogate = "{\"???\":1}".getBytes(StandardCharsets.UTF_8);
        surrogate[2] = (byte) 0xed;
        surrogate[3] = (byte) 0xa0;
        surrogate[4] = (byte) 0x80;
        assertRefused(Forge.write(folder, "m", Forge.safetensors(surrogate, 0)), "not valid UTF-8");
        byte[] overlong = "{\"??\":1}".getBytes(StandardCharsets.UTF_8);
        overlong[2] = (byte) 0xc0;
        overlong[3] = (byte) 0xaf;
        assertRefused(Forge.write(folder, "m", Forge.safetensors(overlong, 0)), "not valid UTF-8");
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000_001L, Long.MAX_VALUE, -1L, Long.MIN_VALUE})
    void refusesALengthBeyondTheLimit(long n) {
        byte[] bytes = Forge.safetensors("{}", 100);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(n);
        assertRefused(
                Forge.write(folder, "m", bytes),
                "says that its header has " + Long.toUnsignedString(n) + " bytes, more than the 100000000 allowed");
    }

    @Test
    void refusesAHeaderLongerThanTheFile() {
        byte[] bytes = Forge.safetensors("{}", 0);
        bytes[0] = 3;
        assertRefused(Forge.write(folder, "m", bytes), "has 10 bytes, too short for its header of 3");
        bytes[3] = 5; // 83 886 083, within the limit
        assertRefused(Forge.write(folder, "m", bytes), "too short for its header of 83886083");
    }

    @Test
    void refusesWhatIsNoFileOrTooShort() {
        assertRefused(folder.resolve("none"), "there is no such file");
        assertRefused(folder, "is not a regular file");
        assertRefused(Forge.write(folder, "m", new byte[0]), "the file is empty");
        assertRefused(Forge.write(folder, "m", new byte[7]), "has 7 bytes, too short for the length of a header");
    }

    @Test
    void refusesEveryTruncation() throws Exception {
        byte[] whole = Forge.safetensors("{" + A + "," + tensor("b", "U8", "[3]", 8, 11) + "}  ", 11);
        Path file = Forge.write(folder, "m", whole);
        Safetensors.open(file).close();
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertRefused(file, "");
        }
    }

    @Test
    void takesWhatTheFormatAllows() {
        // Whitespace of every kind, unknown fields, data in another order than the header, an odd header length, an
        // unaligned tensor, a scalar, an empty tensor between others, a name with escapes.
        String header = "\n\t {" + tensor("b", "F32", "[]", 3, 7) + ", \r\n" + tensor("a", "U8", "[3]", 0, 3)
                + ",\"__metadata__\":{\"z\":\"1\",\"a\":\"\\n\"}," + tensor("e", "F64", "[4,0]", 3, 3)
                + ",\"\\u00e9\\\"\":{\"extra\":[{\"deep\":[1,null]}],\"data_offsets\":[7,9],\"shape\":[1,1],\"dtype\":\"F16\"}}\n ";
        byte[] bytes = Forge.safetensors(header, 9);
        int data = bytes.length - 9;
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(data + 3, 2.5f);
        bytes[data + 1] = 77;
        try (Safetensors st = Safetensors.open(Forge.write(folder, "m", bytes))) {
            assertThat(st.names()).containsExactly("b", "a", "e", "é\"");
            assertThat(st.metadata().keySet()).containsExactly("z", "a");
            assertThat(st.metadata()).containsEntry("a", "\n");
            assertThat(Views.of(st, "b").get()).isEqualTo(2.5);
            assertThat(Views.of(st, "a").get(1)).isEqualTo(77);
            assertThat(st.info("e")).isEqualTo(new TensorInfo("e", StoredType.F64, new long[] {4, 0}));
            assertThat(Views.of(st, "e").elements()).isZero();
            assertThat(st.info("é\"").shape()).containsExactly(1, 1);
        }
    }

    @Test
    void listsButDoesNotLoadTypesThatItCannotComputeWith() {
        String header = "{" + tensor("f8", "F8_E4M3", "[3]", 0, 3) + "," + tensor("f4", "F4", "[2]", 3, 4) + ","
                + tensor("f6", "F6_E3M2", "[4]", 4, 7) + "}";
        try (Safetensors st = Safetensors.open(Forge.write(folder, "m", Forge.safetensors(header, 7)))) {
            assertThat(st.info("f6").toString()).isEqualTo("f6 F6_E3M2[4]");
            assertThat(st.bytes("f4").byteSize()).isEqualTo(1);
            assertThatThrownBy(() -> Views.of(st, "f8"))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining("tensor f8 is stored as F8_E4M3, which is not supported");
            Finite.check(st);
        }
    }

    @Test
    void namesAMissingTensor() {
        Path file = Forge.write(folder, "m", Forge.safetensors("{" + A + "}", 8));
        try (Safetensors st = Safetensors.open(file)) {
            assertThat(st.has("b")).isFalse();
            assertThatThrownBy(() -> st.info("b")).hasMessage(file + ": there is no tensor b");
            assertThatThrownBy(() -> st.bytes("b")).hasMessage(file + ": there is no tensor b");
        }
    }

    @Test
    void bytesAreReadOnlyAndDieWithTheFile() {
        Safetensors st = Safetensors.open(Forge.write(folder, "m", Forge.safetensors("{" + A + "}", 8)));
        var bytes = st.bytes("a");
        assertThat(bytes.isMapped()).isTrue();
        assertThatThrownBy(() -> bytes.set(ValueLayout.JAVA_BYTE, 0, (byte) 1))
                .isInstanceOf(IllegalArgumentException.class);
        st.close();
        st.close();
        assertThatThrownBy(() -> bytes.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }
}
