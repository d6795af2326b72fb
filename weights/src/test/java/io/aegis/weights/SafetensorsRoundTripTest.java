package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsRoundTripTest {
    private static Path scratch;

    @TempDir
    Path folder;

    @BeforeContainer
    static void makeScratch() throws Exception {
        scratch = Files.createTempDirectory("aegis-weights");
    }

    @AfterContainer
    static void removeScratch() throws Exception {
        try (Stream<Path> files = Files.list(scratch)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(scratch);
    }

    @Property(tries = 200)
    void whatIsWrittenIsReadBack(
            @ForAll("tensors") List<StoredTensor> tensors, @ForAll("metadata") Map<String, String> metadata)
            throws Exception {
        Path file = Files.write(scratch.resolve("a.safetensors"), bytes(metadata, tensors));
        try (Safetensors st = Safetensors.open(file)) {
            assertThat(st.names())
                    .isEqualTo(tensors.stream().map(t -> t.info().name()).toList());
            assertThat(new ArrayList<>(st.metadata().entrySet())).isEqualTo(new ArrayList<>(metadata.entrySet()));
            for (StoredTensor t : tensors) {
                assertThat(st.info(t.info().name())).isEqualTo(t.info());
                assertThat(st.bytes(t.info().name()).mismatch(t.bytes())).isEqualTo(-1);
            }
            assertThat((Files.size(file) - dataBytes(tensors)) % 8).isZero();
            assertThat(copied(st)).isEqualTo(Files.readAllBytes(file));
            assertThat(rebuilt(st)).isEqualTo(Files.readAllBytes(file));
        }
    }

    @Property(tries = 100)
    void alignedTensorsAreAligned(@ForAll("tensors") List<StoredTensor> tensors) throws Exception {
        Path file = Files.write(
                scratch.resolve("b.safetensors"), bytes(Map.of("k", "v"), SafetensorsWriter.aligned(tensors)));
        try (Safetensors st = Safetensors.open(file)) {
            assertThat(st.names()).hasSize(tensors.size());
            for (String name : st.names()) {
                long element = Math.max(1, st.info(name).dtype().bits() / 8);
                assertThat(st.bytes(name).address() % element).isZero();
            }
        }
    }

    /** Nothing but a WeightsException may come of a damaged file: no crash, no other exception, no endless loop. */
    @Property(tries = 500)
    void aDamagedFileIsRefusedOrRead(
            @ForAll("tensors") List<StoredTensor> tensors,
            @ForAll("metadata") Map<String, String> metadata,
            @ForAll long seed)
            throws Exception {
        Path file = scratch.resolve("c.safetensors");
        byte[] bytes = bytes(metadata, tensors);
        Random random = new Random(seed);
        int header = (int) (bytes.length - dataBytes(tensors));
        for (int i = 0; i < 3; i++) {
            bytes[random.nextInt(header)] =
                    (byte) (random.nextBoolean() ? "\"{}[]:,0197 ".charAt(random.nextInt(12)) : random.nextInt(256));
        }
        Files.write(file, bytes);
        try (Safetensors st = Safetensors.open(file)) {
            for (String name : st.names()) {
                assertThat(st.bytes(name).byteSize()).isEqualTo(st.info(name).bytes());
            }
        } catch (WeightsException e) {
            assertThat(e).hasMessageStartingWith(file + ": ");
        }
    }

    @Test
    void keepsForeignSpellingByteForByte() throws Exception {
        // Spaces, escapes that need none, metadata in the middle, data out of order, unknown fields.
        String header = " {\"b\" : {\"shape\":[1],\"dtype\":\"U8\",\"data_offsets\":[2,3],\"x\":1e2},\"__metadata__\":"
                + "{\"\\u0061\":\"\\/\"},\"a\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[0,2]}}   ";
        Path file = Forge.write(folder, "m.safetensors", Forge.safetensors(header, 3));
        try (Safetensors st = Safetensors.open(file)) {
            Path copy = folder.resolve("copy.safetensors");
            SafetensorsWriter.write(copy, st);
            assertThat(copy).hasSameBinaryContentAs(file);
        }
    }

    @Test
    void writesTheReferenceWritersBytes() {
        // From the format's description: compact JSON, metadata first, spaces up to a multiple of 8.
        Path file = folder.resolve("m.safetensors");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(8);
            SafetensorsWriter.write(
                    file,
                    Map.of("k\u0001\n\"\\/", "é\u007f"),
                    List.of(StoredTensor.of("t", StoredType.F32, new long[] {1, 2}, data)));
        }
        String json = "{\"__metadata__\":{\"k\\u0001\\n\\\"\\\\/\":\"é\u007f\"},"
                + "\"t\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
        int padding = -json.getBytes(StandardCharsets.UTF_8).length & 7;
        assertThat(file).hasBinaryContent(Forge.safetensors(json + " ".repeat(padding), 8));
    }

    @Test
    void aFileMayReplaceItselfWhileItIsMapped() throws Exception {
        Path file = folder.resolve("m.safetensors");
        SafetensorsWriter.write(file, Map.of(), List.of(filled("t", StoredType.U8, 5, 300_000)));
        byte[] before = Files.readAllBytes(file);
        try (Safetensors st = Safetensors.open(file)) {
            SafetensorsWriter.write(file, st);
            SafetensorsWriter.write(file, Map.of(), List.of(filled("t", StoredType.U8, 6, 1)));
            assertThat(st.bytes("t").get(ValueLayout.JAVA_BYTE, 299_999)).isEqualTo((byte) 5);
            SafetensorsWriter.write(file, st);
        }
        assertThat(file).hasBinaryContent(before);
    }

    @Test
    void aStridedViewIsWrittenRowMajor() {
        Path file = folder.resolve("m.safetensors");
        try (Arena arena = Arena.ofConfined()) {
            View view = View.allocate(arena, DType.F32, 2, 3);
            for (int i = 0; i < 6; i++) {
                view.setAt(i, i);
            }
            StoredTensor dense = StoredTensor.of("d", view, arena);
            assertThat(dense.bytes().address()).isEqualTo(view.segment().address());
            SafetensorsWriter.write(file, Map.of(), List.of(StoredTensor.of("t", view.transpose(0, 1), arena), dense));
        }
        try (Safetensors st = Safetensors.open(file)) {
            assertThat(st.info("t")).hasToString("t F32[3, 2]");
            assertThat(Views.of(st, "t").toDoubles()).containsExactly(0, 3, 1, 4, 2, 5);
            assertThat(Views.of(st, "d").toDoubles()).containsExactly(0, 1, 2, 3, 4, 5);
        }
    }

    @Test
    void refusesWhatNoReaderWouldTake() {
        Path file = folder.resolve("m.safetensors");
        StoredTensor t = filled("t", StoredType.U8, 0, 1);
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(t, t)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("t is reserved or given to two tensors");
        assertThatThrownBy(() ->
                        SafetensorsWriter.write(file, Map.of(), List.of(filled("__metadata__", StoredType.U8, 0, 1))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of("k", "\ud800"), List.of(t)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("surrogate");
        assertThatThrownBy(() -> StoredTensor.of("t", StoredType.F32, new long[] {2}, t.bytes()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tensor t F32[2] needs 8 bytes, given 1");
        assertThat(file).doesNotExist();
    }

    /** What the writer writes, without waiting for a disk. */
    private static byte[] bytes(Map<String, String> metadata, List<StoredTensor> tensors) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(Channels.newChannel(out), SafetensorsWriter.header(metadata, tensors), tensors);
        return out.toByteArray();
    }

    private static byte[] copied(Safetensors st) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(Channels.newChannel(out), st.file());
        return out.toByteArray();
    }

    private static byte[] rebuilt(Safetensors st) throws IOException {
        return bytes(
                st.metadata(),
                st.names().stream()
                        .map(n -> new StoredTensor(st.info(n), st.bytes(n)))
                        .toList());
    }

    private static long dataBytes(List<StoredTensor> tensors) {
        return tensors.stream().mapToLong(t -> t.bytes().byteSize()).sum();
    }

    static StoredTensor filled(String name, StoredType dtype, int value, long... shape) {
        MemorySegment bytes = Arena.ofAuto().allocate(dtype.bytes(shape), Buffer.ALIGNMENT);
        return StoredTensor.of(name, dtype, shape, bytes.fill((byte) value));
    }

    @Provide
    Arbitrary<Map<String, String>> metadata() {
        Arbitrary<String> text = Arbitraries.strings()
                .ofMaxLength(6)
                .excludeChars(surrogates())
                .map(s -> s.equals("__metadata__") ? "" : s);
        return Arbitraries.maps(text, text).ofMaxSize(4).map(LinkedHashMap::new);
    }

    @Provide
    Arbitrary<List<StoredTensor>> tensors() {
        Arbitrary<String> name = Arbitraries.oneOf(
                Arbitraries.strings().withChars("ab.01").ofMinLength(1).ofMaxLength(8),
                Arbitraries.strings().ofMaxLength(5).excludeChars(surrogates()));
        Arbitrary<StoredType> type = Arbitraries.of(StoredType.class).filter(t -> t.bits() >= 8);
        Arbitrary<List<Long>> shape = Arbitraries.longs().between(0, 5).list().ofMaxSize(3);
        Arbitrary<StoredTensor> tensor = Combinators.combine(
                        name, type, shape, Arbitraries.integers().between(0, 127))
                .as((n, t, s, fill) ->
                        filled(n, t, fill, s.stream().mapToLong(Long::longValue).toArray()));
        return tensor.list().ofMaxSize(6).uniqueElements(t -> t.info().name());
    }

    private static char[] surrogates() {
        char[] out = new char[Character.MAX_SURROGATE - Character.MIN_SURROGATE + 1];
        for (int i = 0; i < out.length; i++) {
            out[i] = (char) (Character.MIN_SURROGATE + i);
        }
        return out;
    }
}
