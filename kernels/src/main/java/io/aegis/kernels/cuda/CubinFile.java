package io.aegis.kernels.cuda;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * A cubin as bytes of a file: a mark, the key that it answers to, the compiler and its log, the code, and a SHA-256 of all
 * that. A file is good for one key only, and not when a single byte differs.
 */
final class CubinFile {
    private static final String MARK = "aegis cubin 1\n";
    private static final int DIGEST_BYTES = 32;

    private CubinFile() {}

    static byte[] write(String key, Cubin cubin) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeBytes(MARK);
            for (byte[] part : new byte[][] {utf(key), utf(cubin.compiler()), utf(cubin.log()), cubin.code()}) {
                out.writeInt(part.length);
                out.write(part);
            }
            out.write(sha256(bytes.toByteArray(), bytes.size()));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return bytes.toByteArray();
    }

    /**
     * Reads what {@link #write} made.
     *
     * @throws IOException with the reason why these bytes are not to be trusted
     */
    static Cubin read(String key, byte[] bytes) throws IOException {
        int body = bytes.length - DIGEST_BYTES;
        if (body < MARK.length() || !MARK.equals(new String(bytes, 0, MARK.length(), StandardCharsets.US_ASCII))) {
            throw new IOException("it is not a cubin of this project");
        }
        if (!Arrays.equals(sha256(bytes, body), Arrays.copyOfRange(bytes, body, bytes.length))) {
            throw new IOException("its checksum is wrong");
        }
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes, MARK.length(), body - MARK.length()));
        String own = new String(part(in), StandardCharsets.UTF_8);
        if (!own.equals(key)) {
            throw new IOException("it was made for another key, " + own);
        }
        return new Cubin(
                new String(part(in), StandardCharsets.UTF_8), new String(part(in), StandardCharsets.UTF_8), part(in));
    }

    private static byte[] part(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > in.available()) {
            throw new IOException("a length in it is wrong");
        }
        return in.readNBytes(length);
    }

    private static byte[] utf(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] sha256(byte[] bytes, int length) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(bytes, 0, length);
            return digest.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
