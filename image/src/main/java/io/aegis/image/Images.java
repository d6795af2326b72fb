package io.aegis.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Reads picture files: PNG, JPEG (gray, RGB, YCbCr, CMYK, YCCK), WebP (the first frame) and BMP, told apart by their
 * first bytes and never by name.
 *
 * <p>Gray stays gray, of 8 or 16 bits; fewer bits are stretched to 8. Palettes become RGB. CMYK becomes RGB by Pillow's
 * formula. Colour profiles and gamma are ignored, as Pillow and OpenCV do. Opacity is kept as a fourth channel beside
 * colour and dropped beside gray; {@link Image#rgb} drops it.
 *
 * <p>PNG, BMP, JPEG and lossless WebP give Pillow's samples. Lossy WebP does not quite: chroma is repeated where libwebp
 * interpolates it, and the loop filter rounds apart in places.
 */
public final class Images {
    private Images() {}

    /** The picture in a file, within the default limits. */
    public static Image read(Path file) {
        return read(file, ReadOptions.DEFAULT);
    }

    /** The picture in a file. */
    public static Image read(Path file, ReadOptions options) {
        if (Files.isDirectory(file)) {
            throw new ImageException(file + ": is a directory, expected a picture");
        }
        try {
            limitBytes(Files.size(file), file.toString(), options);
            return read(Files.readAllBytes(file), file.toString(), options);
        } catch (NoSuchFileException e) {
            throw new ImageException(file + ": no such file", e);
        } catch (IOException e) {
            throw new ImageException(file + ": cannot be read (" + e + ")", e);
        }
    }

    /** The picture in {@code file}, the bytes of a file; {@code name} is what errors call it. */
    public static Image read(byte[] file, String name) {
        return read(file, name, ReadOptions.DEFAULT);
    }

    /** The picture in {@code file}, the bytes of a file; {@code name} is what errors call it. */
    public static Image read(byte[] file, String name, ReadOptions options) {
        limitBytes(file.length, name, options);
        if (file.length == 0) {
            throw new ImageException(name + ": the file is empty");
        }
        Bytes in = new Bytes(file, name);
        Header header = Header.of(in);
        limitPixels(header, name, options);
        try {
            Image image = header.decode(in);
            if (image.width() != header.width() || image.height() != header.height()) {
                throw in.broken(header.format() + " header says " + header.width() + "x" + header.height()
                        + " and the data hold " + image.width() + "x" + image.height());
            }
            return options.upright() ? image.oriented(header.orientation()) : image;
        } catch (ImageException e) {
            throw e;
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            throw failed(name, header.format(), header.width(), header.height(), e);
        }
    }

    /** Why decoding ended so: the decoders meet damaged data with exceptions of every kind, and wrap errors in them. */
    static ImageException failed(String name, String format, int width, int height, Throwable e) {
        Throwable t = e;
        while (t.getCause() != null) {
            t = t.getCause();
        }
        if (t instanceof OutOfMemoryError) {
            return new ImageException(
                    name + ": decoding " + width + "x" + height + " pixels needs more memory than the JVM has left", e);
        }
        String reason = t.getMessage() == null
                ? t.getClass().getSimpleName()
                : t.getMessage().strip();
        return new ImageException(name + ": the " + format + " data are damaged or truncated (" + reason + ")", e);
    }

    private static void limitBytes(long bytes, String name, ReadOptions options) {
        if (bytes > options.maxBytes()) {
            throw new ImageException(name + ": the file has " + bytes + " bytes, the limit is " + options.maxBytes());
        }
    }

    private static void limitPixels(Header header, String name, ReadOptions options) {
        if (header.width() < 1 || header.height() < 1) {
            throw new ImageException(name + ": the " + header.format() + " header says " + header.width() + "x"
                    + header.height() + " pixels");
        }
        if ((long) header.width() * header.height() > options.maxPixels()) {
            throw new ImageException(name + ": " + header.width() + "x" + header.height() + " is "
                    + (long) header.width() * header.height() + " pixels, the limit is " + options.maxPixels());
        }
    }
}
