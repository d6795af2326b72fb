package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    Path folder;

    /** A disk with room for so many bytes. */
    private record SmallDisk(WritableByteChannel channel, long[] room) implements WritableByteChannel {
        @Override
        public int write(ByteBuffer bytes) throws IOException {
            if (room[0] == 0) {
                throw new IOException("No space left on device");
            }
            // As much as fits, at most 7 bytes a call: a channel need not take everything at once.
            int n = (int) Math.min(Math.min(bytes.remaining(), room[0]), 7);
            room[0] -= n;
            ByteBuffer some = bytes.slice(bytes.position(), n);
            bytes.position(bytes.position() + n);
            while (some.hasRemaining()) {
                channel.write(some);
            }
            return n;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }

    private List<String> files() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(p -> p.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void createsAndReplaces() throws Exception {
        Path target = folder.resolve("a.json");
        AtomicFile.write(target, "one");
        assertThat(target).hasContent("one");
        AtomicFile.write(target, "zwölf");
        assertThat(target).hasContent("zwölf");
        assertThat(files()).containsExactly("a.json");
    }

    @Test
    void theOldContentIsThereUntilTheNewIsComplete() {
        Path target = folder.resolve("a");
        AtomicFile.write(target, "old");
        AtomicFile.write(target, channel -> {
            channel.write(ByteBuffer.wrap("new".getBytes()));
            assertThat(target).hasContent("old");
        });
        assertThat(target).hasContent("new");
    }

    @Test
    void aFullDiskKeepsTheOldFileAndRemovesTheUnfinishedOne() throws Exception {
        Path target = folder.resolve("m.safetensors");
        List<StoredTensor> tensors = List.of(SafetensorsRoundTripTest.filled("t", StoredType.U8, 1, 100));
        SafetensorsWriter.write(target, Map.of(), tensors);
        byte[] old = Files.readAllBytes(target);
        long whole = old.length;
        for (long room = 0; room < whole; room += 13) {
            long[] left = {room};
            assertThatThrownBy(() -> AtomicFile.write(
                            target,
                            channel -> SafetensorsWriter.write(
                                    new SmallDisk(channel, left),
                                    SafetensorsWriter.header(Map.of(), tensors),
                                    tensors)))
                    .isInstanceOf(WeightsException.class)
                    .hasMessage(
                            target + ": could not be written: No space left on device; the previous file is unchanged");
            assertThat(target).hasBinaryContent(old);
            assertThat(files()).containsExactly("m.safetensors");
        }
        // With just enough room, and in small pieces, it is written.
        AtomicFile.write(
                target,
                channel -> SafetensorsWriter.write(
                        new SmallDisk(channel, new long[] {whole}),
                        SafetensorsWriter.header(Map.of(), tensors),
                        tensors));
        assertThat(target).hasBinaryContent(old);
    }

    @Test
    void theSystemsOwnFullDeviceIsReported() throws Exception {
        Path full = Path.of("/dev/full");
        Assumptions.assumeTrue(Files.isWritable(full), "there is no /dev/full here");
        Path target = folder.resolve("a");
        assertThatThrownBy(() -> AtomicFile.write(target, _ -> {
                    try (FileChannel device = FileChannel.open(full, StandardOpenOption.WRITE)) {
                        device.write(ByteBuffer.allocate(10));
                    }
                }))
                .isInstanceOf(WeightsException.class)
                .hasMessage(target + ": could not be written: No space left on device");
        assertThat(files()).isEmpty();
    }

    @Test
    void whatTheWriterThrowsIsPassedOn() throws Exception {
        Path target = folder.resolve("a");
        AtomicFile.write(target, "old");
        IllegalStateException thrown = new IllegalStateException("of the caller");
        assertThatThrownBy(() -> AtomicFile.write(target, channel -> {
                    channel.write(ByteBuffer.allocate(10));
                    throw thrown;
                }))
                .isSameAs(thrown);
        assertThat(target).hasContent("old");
        assertThat(files()).containsExactly("a");
    }

    @Test
    void removesWhatAKilledProcessLeftBesideTheTarget() throws Exception {
        Files.writeString(folder.resolve(".a.999999999-1.tmp"), "of a process that is no more");
        Files.writeString(
                folder.resolve(".a." + ProcessHandle.current().pid() + "-999999.tmp"), "same number, long ago");
        String alive = ".a." + parent() + "-1.tmp";
        Files.writeString(folder.resolve(alive), "still being written");
        Files.writeString(folder.resolve(".ab.999999999-1.tmp"), "another target's");
        Files.writeString(folder.resolve(".a.notes.tmp"), "not ours");
        AtomicFile.write(folder.resolve("a"), "x");
        assertThat(files()).containsExactlyInAnyOrder("a", alive, ".ab.999999999-1.tmp", ".a.notes.tmp");
    }

    private static long parent() {
        return ProcessHandle.current().parent().orElseThrow().pid();
    }

    @Test
    void severalThreadsMayWriteOneTarget() throws Exception {
        Path target = folder.resolve("a");
        List<String> contents = List.of("a".repeat(100_000), "b".repeat(70_000), "c".repeat(90_000));
        try (ExecutorService pool = Executors.newFixedThreadPool(3)) {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                String content = contents.get(i % 3);
                running.add(pool.submit(() -> AtomicFile.write(target, content)));
            }
            for (Future<?> f : running) {
                f.get();
            }
        }
        assertThat(Files.readString(target)).isIn(contents);
        assertThat(files()).containsExactly("a");
    }

    @Test
    void followsALink() throws Exception {
        Path real = Files.writeString(Files.createDirectory(folder.resolve("d")).resolve("real"), "old");
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("d", "real"));
        AtomicFile.write(link, "new");
        assertThat(Files.isSymbolicLink(link)).isTrue();
        assertThat(real).hasContent("new");
    }

    @Test
    void refusesAFolderAndAMissingOne() {
        assertThatThrownBy(() -> AtomicFile.write(folder, "x"))
                .isInstanceOf(WeightsException.class)
                .hasMessage(folder + ": is a folder, expected a file to write");
        Path lost = folder.resolve("none").resolve("a");
        assertThatThrownBy(() -> AtomicFile.write(lost, "x"))
                .isInstanceOf(WeightsException.class)
                .hasMessage(lost + ": could not be written: there is no " + folder.resolve("none"));
    }
}
