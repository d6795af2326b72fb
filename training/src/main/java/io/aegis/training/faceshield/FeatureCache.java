package io.aegis.training.faceshield;

import io.aegis.kernels.View;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Vision features on disk, for towers that do not learn: one safetensors file an entry, under a name that stands for the
 * picture's bytes, the tower's weights and how pictures are prepared. Files are replaced as a whole; what is damaged counts
 * as absent. Safe to share between threads and processes.
 */
final class FeatureCache {
    private static final String NAME = "features";
    private static final String CHECKSUM = "crc32c";

    private final Path folder;
    private final StoredType dtype;
    private final long[] shape;

    /**
     * @param dtype that features are stored in, the tower's
     * @param shape of every entry
     */
    FeatureCache(Path folder, StoredType dtype, long... shape) {
        this.folder = folder;
        this.dtype = dtype;
        this.shape = shape.clone();
    }

    /**
     * An entry's bytes, dense and row-major, in memory of {@code arena}.
     *
     * @param key hexadecimal
     */
    Optional<MemorySegment> read(String key, Arena arena) {
        Path file = file(key);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try (Safetensors stored = Safetensors.open(file)) {
            if (!stored.has(NAME)
                    || stored.info(NAME).dtype() != dtype
                    || !Arrays.equals(stored.info(NAME).shape(), shape)) {
                return Optional.empty();
            }
            MemorySegment bytes = stored.bytes(NAME);
            if (!checksum(bytes).equals(stored.metadata().get(CHECKSUM))) {
                return Optional.empty();
            }
            return Optional.of(arena.allocate(bytes.byteSize(), 64).copyFrom(bytes));
        } catch (WeightsException _) {
            return Optional.empty();
        }
    }

    /** Whether there is a whole entry. */
    boolean has(String key) {
        try (Arena arena = Arena.ofConfined()) {
            return read(key, arena).isPresent();
        }
    }

    /**
     * Replaces an entry.
     *
     * @param features of the cache's dtype and shape, dense
     * @throws WeightsException when it cannot be written
     */
    void write(String key, View features) {
        Path file = file(key);
        try {
            Files.createDirectories(file.getParent());
        } catch (IOException e) {
            throw new WeightsException(file.getParent() + ": the folder cannot be made: " + e, e);
        }
        MemorySegment bytes = features.segment();
        SafetensorsWriter.write(
                file, Map.of(CHECKSUM, checksum(bytes)), List.of(StoredTensor.of(NAME, dtype, shape, bytes)));
    }

    private Path file(String key) {
        return folder.resolve(key.substring(0, 2)).resolve(key + ".safetensors");
    }

    private static String checksum(MemorySegment bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.asByteBuffer());
        return Long.toHexString(crc.getValue());
    }
}
