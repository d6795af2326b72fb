package io.aegis.image;

import java.io.IOException;

/** What a file says of its picture before anything is decoded. */
sealed interface Header permits PngHeader, JpegHeader, WebpHeader, BmpHeader {
    /** The format's usual name. */
    String format();

    int width();

    int height();

    /** The EXIF orientation, 1 (upright) to 8. */
    default int orientation() {
        return 1;
    }

    /** Decodes the file that this header was read from. */
    Image decode(Bytes in) throws IOException;

    /** The header of a file, by its first bytes. */
    static Header of(Bytes in) {
        if (in.has(0, "\u0089PNG\r\n\u001a\n")) {
            return PngHeader.read(in);
        }
        if (in.has(0, "\u00ff\u00d8\u00ff")) {
            return JpegHeader.read(in);
        }
        if (in.has(0, "RIFF") && in.has(8, "WEBP")) {
            return WebpHeader.read(in);
        }
        if (in.has(0, "BM")) {
            return BmpHeader.read(in);
        }
        throw in.broken("not a PNG, JPEG, WebP or BMP picture");
    }
}
