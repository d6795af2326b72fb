package io.aegis.training.synthetic;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/** Writes 8-bit PNG (ISO/IEC 15948), grey or RGB, unfiltered, in one IDAT chunk. */
final class PngFile {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    private static final int GREY = 0;
    private static final int RGB = 2;

    private PngFile() {}

    /** @param pixels width x height x 1 (grey) or x 3 (RGB) */
    static void write(Path file, byte[] pixels, int width, int height) throws IOException {
        int channels = pixels.length / (width * height);
        ByteArrayOutputStream out = new ByteArrayOutputStream(pixels.length);
        out.write(SIGNATURE);
        ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height);
        header.put((byte) 8).put((byte) (channels == 3 ? RGB : GREY));
        chunk(out, "IHDR", header.array());
        ByteArrayOutputStream body = new ByteArrayOutputStream(pixels.length);
        Deflater deflater = new Deflater();
        try (DeflaterOutputStream deflated = new DeflaterOutputStream(body, deflater)) {
            int row = width * channels;
            for (int y = 0; y < height; y++) {
                deflated.write(0);
                deflated.write(pixels, y * row, row);
            }
        } finally {
            deflater.end();
        }
        chunk(out, "IDAT", body.toByteArray());
        chunk(out, "IEND", new byte[0]);
        Files.write(file, out.toByteArray());
    }

    private static void chunk(ByteArrayOutputStream out, String type, byte[] data) throws IOException {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(name);
        crc.update(data);
        out.write(ByteBuffer.allocate(4).putInt(data.length).array());
        out.write(name);
        out.write(data);
        out.write(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
    }
}
