package io.aegis.models.checkpoint;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.Quantization;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;

/**
 * Tells checkpoints apart without reading all of them: names, types and shapes of the tensors, and of each the bytes at
 * evenly spaced places. Training changes every tensor that it changes nearly everywhere.
 */
final class SourceDigest {
    private static final int PLACES = 64;
    private static final int PIECE = 64;
    private static final int DIGITS = 32;

    private SourceDigest() {}

    /** @param choices what else goes into the digest */
    static String of(List<Checkpoint> files, String choices) {
        MessageDigest sha = sha256();
        sha.update((Quantization.VERSION + " " + choices + "\0").getBytes(StandardCharsets.UTF_8));
        TreeMap<String, Checkpoint> sorted = new TreeMap<>(Comparator.naturalOrder());
        files.forEach(file -> file.names().forEach(name -> sorted.put(name, file)));
        sorted.forEach((name, file) -> {
            sha.update((file.info(name) + "\0").getBytes(StandardCharsets.UTF_8));
            MemorySegment bytes = file.bytes(name);
            long length = Math.min(PIECE, bytes.byteSize());
            for (int i = 0; i < PLACES && length > 0; i++) {
                long at = (bytes.byteSize() - length) / (PLACES - 1) * i;
                sha.update(bytes.asSlice(at, length).asByteBuffer());
            }
        });
        return HexFormat.of().formatHex(sha.digest()).substring(0, DIGITS);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
