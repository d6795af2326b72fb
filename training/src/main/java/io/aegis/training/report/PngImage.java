package io.aegis.training.report;

import java.nio.ByteBuffer;
import java.util.Base64;

/** An encoded PNG as an HTML element with its bytes inside. */
final class PngImage {
    private static final long SIGNATURE = 0x89504E470D0A1A0AL;
    private static final int HEADER = 24;
    private static final int SMALLEST = 144;

    private PngImage() {}

    static String element(byte[] png, String description) {
        ByteBuffer bytes = ByteBuffer.wrap(png);
        if (png.length < HEADER || bytes.getLong(0) != SIGNATURE) {
            throw new IllegalArgumentException("the picture '" + description + "' is not a PNG file");
        }
        int width = bytes.getInt(16);
        int height = bytes.getInt(20);
        if (width < 1 || height < 1) {
            throw new IllegalArgumentException(
                    "the picture '" + description + "' has a PNG header of " + width + " x " + height + " pixels");
        }
        int scale = Math.max(1, SMALLEST / Math.max(width, height));
        return "<img src=\"data:image/png;base64," + Base64.getEncoder().encodeToString(png) + "\" width=\""
                + (long) width * scale + "\" height=\"" + (long) height * scale + "\" alt=\""
                + Escape.text(description) + "\"" + (scale > 1 ? " class=\"enlarged\"" : "") + ">";
    }
}
