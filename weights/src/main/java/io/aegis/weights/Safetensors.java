package io.aegis.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * One safetensors file, mapped. The format: an unsigned 64-bit little-endian length N, N bytes of JSON
 * {@code {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {text: text}}}, then the tensors' bytes
 * without holes, overlaps or rest. Values are not looked at (see {@link Finite}).
 */
public final class Safetensors implements Checkpoint {
    /** Largest header in bytes, as the reference reader has it. */
    static final int MAX_HEADER = 100_000_000;

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MappedFile file;
    private final MemorySegment data;
    private final SafetensorsHeader header;

    private Safetensors(MappedFile file, MemorySegment data, SafetensorsHeader header) {
        this.file = file;
        this.data = data;
        this.header = header;
    }

    /**
     * Maps a file and checks all of its structure.
     *
     * @throws WeightsException when the file is missing, unreadable, or breaks any rule of the format
     */
    public static Safetensors open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            MemorySegment memory = file.memory();
            long size = memory.byteSize();
            if (size < 8) {
                throw WeightsException.of(path, "has " + size + " bytes, too short for the length of a header (8)");
            }
            long n = memory.get(LENGTH, 0);
            if (n < 0 || n > MAX_HEADER) {
                throw WeightsException.of(
                        path,
                        "says that its header has " + Long.toUnsignedString(n) + " bytes, more than the " + MAX_HEADER
                                + " allowed; is it a safetensors file?");
            }
            if (n > size - 8) {
                throw WeightsException.of(
                        path, "has " + size + " bytes, too short for its header of " + n + "; is it complete?");
            }
            ByteBuffer text = memory.asSlice(8, n).asByteBuffer();
            MemorySegment data = memory.asSlice(8 + n);
            return new Safetensors(file, data, SafetensorsHeader.parse(path, text, data.byteSize()));
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public List<String> names() {
        return header.names();
    }

    @Override
    public boolean has(String name) {
        return header.entries().containsKey(name);
    }

    @Override
    public TensorInfo info(String name) {
        return entry(name).info();
    }

    @Override
    public MemorySegment bytes(String name) {
        SafetensorsHeader.Entry e = entry(name);
        return data.asSlice(e.begin(), e.end() - e.begin());
    }

    @Override
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** The whole file, header and padding included. */
    MemorySegment file() {
        return file.memory();
    }

    private SafetensorsHeader.Entry entry(String name) {
        SafetensorsHeader.Entry e = header.entries().get(name);
        if (e == null) {
            throw WeightsException.of(path(), "there is no tensor " + name);
        }
        return e;
    }

    @Override
    public void close() {
        file.close();
    }
}
