package io.aegis.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** As much of a safetensors reader as the reference data need. */
final class Safetensors {
    private static final Pattern ENTRY = Pattern.compile(
            "\"([^\"]+)\"\\s*:\\s*\\{\"dtype\"\\s*:\\s*\"(\\w+)\"\\s*,\\s*\"shape\"\\s*:\\s*\\[([^]]*)]\\s*,\\s*"
                    + "\"data_offsets\"\\s*:\\s*\\[(\\d+)\\s*,\\s*(\\d+)]");

    /** One array: its type's name, its shape and its bytes. */
    record Array(String type, int[] shape, byte[] bytes) {
        /** [h, w] or [h, w, c] as a picture. */
        Image image() {
            return Image.of(shape[1], shape[0], shape.length == 2 ? 1 : shape[2], bytes);
        }

        float[] floats() {
            float[] out = new float[bytes.length / 4];
            ByteBuffer.wrap(bytes)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer()
                    .get(out);
            return out;
        }
    }

    private Safetensors() {}

    static Map<String, Array> read(Path file) throws IOException {
        byte[] all = Files.readAllBytes(file);
        int header = (int) ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).getLong();
        Matcher m = ENTRY.matcher(new String(all, 8, header, StandardCharsets.UTF_8));
        Map<String, Array> arrays = new TreeMap<>();
        while (m.find()) {
            int[] shape = Stream.of(m.group(3).split("\\s*,\\s*"))
                    .mapToInt(Integer::parseInt)
                    .toArray();
            int from = 8 + header + Integer.parseInt(m.group(4));
            int to = 8 + header + Integer.parseInt(m.group(5));
            arrays.put(m.group(1), new Array(m.group(2), shape, java.util.Arrays.copyOfRange(all, from, to)));
        }
        return arrays;
    }
}
