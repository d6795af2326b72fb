package io.aegis.image;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import javax.imageio.ImageReader;

/** Windows bitmap, uncompressed or run-length encoded; the JDK decodes. */
record BmpHeader(int width, int height) implements Header {
    @Override
    public String format() {
        return "BMP";
    }

    static BmpHeader read(Bytes in) {
        long headerSize = in.u32le(14);
        boolean old = headerSize == 12;
        long width = old ? in.u16le(18) : in.i32le(18);
        // A negative height says that rows run from the top.
        long height = old ? in.u16le(20) : Math.abs((long) in.i32le(22));
        int bits = in.u16le(old ? 24 : 28);
        long compression = old ? 0 : in.u32le(30);
        if (compression == 0 || compression == 3) {
            long row = (width * bits + 31) / 32 * 4;
            long end = in.u32le(10) + Math.multiplyExact(Math.max(row, 0), Math.min(height, Integer.MAX_VALUE));
            // The last row's padding may be missing.
            if (width > 0 && row < Integer.MAX_VALUE && fits(width, height) && end - 3 > in.size()) {
                throw in.truncated(end);
            }
        }
        if (compression == 1 || compression == 2) {
            // The JDK's reader leaves black what run lengths do not reach.
            long end = in.u32le(10) + in.u32le(34);
            if (end > in.size()) {
                throw in.truncated(end);
            }
        }
        return new BmpHeader((int) width, (int) Math.min(height, Integer.MAX_VALUE));
    }

    /** Whether the size is worth checking: what the pixel limit refuses has a better message than truncation. */
    private static boolean fits(long width, long height) {
        return width * height <= ReadOptions.DEFAULT.maxPixels();
    }

    @Override
    public Image decode(Bytes in) throws IOException {
        ImageReader reader = Rasters.jdkReader("bmp");
        try {
            reader.setInput(Rasters.stream(in), true, true);
            BufferedImage picture = reader.read(0);
            return picture.getColorModel() instanceof IndexColorModel palette
                    ? Rasters.indexed(picture.getRaster(), palette, Rasters.isGray(palette) ? 1 : 3)
                    : Rasters.colour(picture);
        } finally {
            reader.dispose();
        }
    }
}
