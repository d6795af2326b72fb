package io.aegis.weights;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A whole file, mapped read-only until closed. */
record MappedFile(Path path, MemorySegment memory, Arena arena) implements AutoCloseable {
    /**
     * Maps a regular file.
     *
     * @throws WeightsException when it is missing, no regular file, empty or unreadable
     */
    static MappedFile open(Path path) {
        checkReadable(path);
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size == 0) {
                throw WeightsException.of(path, "the file is empty");
            }
            return new MappedFile(path, channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena), arena);
        } catch (IOException e) {
            arena.close();
            throw new WeightsException(path + ": cannot be read: " + Reason.of(e), e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    static void checkReadable(Path path) {
        if (!Files.exists(path)) {
            throw WeightsException.of(path, "there is no such file");
        }
        if (!Files.isRegularFile(path)) {
            throw WeightsException.of(path, "is not a regular file");
        }
        if (!Files.isReadable(path)) {
            throw WeightsException.of(path, "may not be read");
        }
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
