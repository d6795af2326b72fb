package io.aegis.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/** Writes PNG (ISO/IEC 15948): gray, RGB or RGBA, 8 or 16 bits, without loss and without AWT. */
public final class Png {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    private static final int NONE = 0;
    private static final int SUB = 1;
    private static final int UP = 2;

    private Png() {}

    /** Writes the picture beside {@code file} and then moves it there, so that a failure leaves what was there. */
    public static void write(Path file, Image image) {
        Path target = file.toAbsolutePath();
        Path beside = target.resolveSibling(target.getFileName() + ".part");
        try {
            Files.write(beside, encode(image));
            Files.move(beside, target, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            try {
                Files.deleteIfExists(beside);
            } catch (IOException again) {
                e.addSuppressed(again);
            }
            throw new ImageException(file + ": cannot be written (" + e + ")", e);
        }
    }

    /** The bytes of a PNG file. */
    public static byte[] encode(Image image) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(SIGNATURE);
        chunk(out, "IHDR", header(image));
        chunk(out, "IDAT", deflated(image));
        chunk(out, "IEND", new byte[0]);
        return out.toByteArray();
    }

    private static byte[] header(Image image) {
        int colour =
                switch (image.channels()) {
                    case 1 -> 0;
                    case 3 -> 2;
                    default -> 6;
                };
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int32(out, image.width());
        int32(out, image.height());
        out.writeBytes(new byte[] {(byte) image.bits(), (byte) colour, 0, 0, 0});
        return out.toByteArray();
    }

    private static void int32(ByteArrayOutputStream out, int v) {
        out.writeBytes(new byte[] {(byte) (v >>> 24), (byte) (v >>> 16), (byte) (v >>> 8), (byte) v});
    }

    private static void chunk(ByteArrayOutputStream out, String type, byte[] body) {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(name);
        crc.update(body);
        int32(out, body.length);
        out.writeBytes(name);
        out.writeBytes(body);
        int32(out, (int) crc.getValue());
    }

    private static byte[] deflated(Image image) {
        int pixel = image.channels() * image.bits() / 8;
        int stride = image.width() * pixel;
        byte[] above = new byte[stride];
        byte[][] filtered = new byte[3][stride];
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Deflater deflater = new Deflater();
        try (DeflaterOutputStream zip = new DeflaterOutputStream(out, deflater)) {
            for (int y = 0; y < image.height(); y++) {
                byte[] row = row(image, y, stride);
                filter(row, above, pixel, filtered);
                int best = best(filtered);
                zip.write(best);
                zip.write(filtered[best]);
                above = row;
            }
        } catch (IOException e) {
            throw new AssertionError("writing to memory failed", e);
        } finally {
            deflater.end();
        }
        return out.toByteArray();
    }

    private static byte[] row(Image image, int y, int stride) {
        byte[] row = new byte[stride];
        if (image.bits() == 8) {
            System.arraycopy(image.bytes(), y * stride, row, 0, stride);
        } else {
            for (int i = 0; i < stride / 2; i++) {
                short v = image.words()[y * stride / 2 + i];
                row[2 * i] = (byte) (v >>> 8);
                row[2 * i + 1] = (byte) v;
            }
        }
        return row;
    }

    private static void filter(byte[] row, byte[] above, int pixel, byte[][] filtered) {
        for (int i = 0; i < row.length; i++) {
            filtered[NONE][i] = row[i];
            filtered[SUB][i] = (byte) (row[i] - (i < pixel ? 0 : row[i - pixel]));
            filtered[UP][i] = (byte) (row[i] - above[i]);
        }
    }

    /** The filter with the least sum of signed sizes, the heuristic that the standard recommends. */
    private static int best(byte[][] filtered) {
        int best = NONE;
        long least = Long.MAX_VALUE;
        for (int f = 0; f < filtered.length; f++) {
            long sum = 0;
            for (byte b : filtered[f]) {
                sum += Math.abs(b);
            }
            if (sum < least) {
                least = sum;
                best = f;
            }
        }
        return best;
    }
}
