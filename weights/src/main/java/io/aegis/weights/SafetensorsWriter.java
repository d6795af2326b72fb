package io.aegis.weights;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes safetensors files, each replaced as a whole (see {@link AtomicFile}). The header is the reference writer's:
 * compact JSON, {@code __metadata__} first, tensors in the order of their bytes, padded with spaces to a multiple of 8.
 */
public final class SafetensorsWriter {
    private static final int CHUNK = 4 << 20;

    private SafetensorsWriter() {}

    /**
     * Writes tensors in the order given. Only an order of falling element sizes ({@link #aligned}) keeps every tensor
     * aligned.
     *
     * @param metadata free text, in its map's order; left out when empty
     * @throws WeightsException when the file could not be written; the old one is unchanged
     * @throws IllegalArgumentException when two tensors share a name, or a name cannot be written
     */
    public static void write(Path target, Map<String, String> metadata, List<StoredTensor> tensors) {
        ByteBuffer header = header(metadata, tensors);
        AtomicFile.write(target, channel -> write(channel, header, tensors));
    }

    /**
     * Writes tensors in the order given, whose bytes are made on the way.
     *
     * @param metadata free text, in its map's order; left out when empty
     * @throws WeightsException when the file could not be written; the old one is unchanged
     * @throws IllegalArgumentException when two tensors share a name, or a name cannot be written
     */
    public static void write(Path target, Map<String, String> metadata, List<TensorInfo> tensors, TensorSource source) {
        ByteBuffer header = headerOf(metadata, tensors);
        AtomicFile.write(target, channel -> {
            AtomicFile.writeFully(channel, header);
            for (TensorInfo tensor : tensors) {
                long[] written = {0};
                source.write(tensor, piece -> {
                    written[0] += piece.byteSize();
                    write(channel, piece);
                });
                if (written[0] != tensor.bytes()) {
                    throw new IllegalStateException(
                            "tensor " + tensor + " needs " + tensor.bytes() + " bytes, given " + written[0]);
                }
            }
        });
    }

    /** Writes a file that was read, byte for byte as it was: order, metadata, spaces and all. */
    public static void write(Path target, Safetensors source) {
        AtomicFile.write(target, channel -> write(channel, source.file()));
    }

    /** Tensors with larger elements first, otherwise in the order given: every one is then aligned in the file. */
    public static List<StoredTensor> aligned(List<StoredTensor> tensors) {
        return tensors.stream()
                .sorted(Comparator.comparingInt(
                        (StoredTensor t) -> -t.info().dtype().bits()))
                .toList();
    }

    static void write(WritableByteChannel channel, ByteBuffer header, List<StoredTensor> tensors) throws IOException {
        AtomicFile.writeFully(channel, header);
        for (StoredTensor tensor : tensors) {
            write(channel, tensor.bytes());
        }
    }

    static void write(WritableByteChannel channel, MemorySegment bytes) throws IOException {
        for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
            long length = Math.min(CHUNK, bytes.byteSize() - at);
            AtomicFile.writeFully(channel, bytes.asSlice(at, length).asByteBuffer());
        }
    }

    /** Length and JSON, ready to be written. */
    static ByteBuffer header(Map<String, String> metadata, List<StoredTensor> tensors) {
        return headerOf(metadata, tensors.stream().map(StoredTensor::info).toList());
    }

    private static ByteBuffer headerOf(Map<String, String> metadata, List<TensorInfo> tensors) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        try (JsonGenerator json = Json.FACTORY.createGenerator(text)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(SafetensorsHeader.METADATA);
                for (Map.Entry<String, String> e : metadata.entrySet()) {
                    json.writeStringField(checked(e.getKey()), checked(e.getValue()));
                }
                json.writeEndObject();
            }
            Set<String> names = new HashSet<>(Set.of(SafetensorsHeader.METADATA));
            long at = 0;
            for (TensorInfo tensor : tensors) {
                if (!names.add(checked(tensor.name()))) {
                    throw new IllegalArgumentException(
                            "the name " + tensor.name() + " is reserved or given to two tensors");
                }
                at = writeEntry(json, tensor, at);
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new IllegalArgumentException("the header cannot be written: " + Reason.of(e), e);
        }
        text.writeBytes(" ".repeat(-text.size() & 7).getBytes(StandardCharsets.US_ASCII));
        if (text.size() > Safetensors.MAX_HEADER) {
            throw new IllegalArgumentException("the header has " + text.size() + " bytes, more than the "
                    + Safetensors.MAX_HEADER + " that readers allow");
        }
        return ByteBuffer.allocate(8 + text.size())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.size())
                .put(text.toByteArray())
                .flip();
    }

    private static long writeEntry(JsonGenerator json, TensorInfo info, long at) throws IOException {
        long end = Math.addExact(at, info.bytes());
        json.writeObjectFieldStart(info.name());
        json.writeStringField("dtype", info.dtype().name());
        long[] shape = info.shape();
        json.writeFieldName("shape");
        json.writeArray(shape, 0, shape.length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {at, end}, 0, 2);
        json.writeEndObject();
        return end;
    }

    private static String checked(String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("half of a surrogate pair in a name or text cannot be written");
        }
        return text;
    }
}
