package io.aegis.image;

import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.util.zip.CRC32;
import javax.imageio.ImageReader;

/**
 * PNG (ISO/IEC 15948). Every chunk's length and checksum is verified first, because the JDK's reader looks at neither;
 * the JDK then inflates and unfilters.
 */
record PngHeader(int width, int height, int bits, int colourType) implements Header {
    private static final int GRAY = 0;
    private static final int PALETTE = 3;

    @Override
    public String format() {
        return "PNG";
    }

    static PngHeader read(Bytes in) {
        if (!in.has(12, "IHDR") || in.u32be(8) != 13) {
            throw in.broken("the PNG does not begin with its header chunk IHDR");
        }
        return new PngHeader(clamped(in.u32be(16)), clamped(in.u32be(20)), in.u8(24), in.u8(25));
    }

    private static int clamped(long size) {
        return (int) Math.min(size, Integer.MAX_VALUE);
    }

    @Override
    public Image decode(Bytes in) throws IOException {
        verifyChunks(in);
        ImageReader reader = Rasters.jdkReader("png");
        try {
            reader.setInput(Rasters.stream(in), true, true);
            var picture = reader.read(0);
            Raster raster = picture.getRaster();
            if (picture.getColorModel() instanceof IndexColorModel palette) {
                return Rasters.indexed(raster, palette, colourType == PALETTE ? 3 : 1);
            }
            boolean gray = (colourType & 2) == GRAY;
            // What is beyond gray or colour is opacity, from the file or from a transparent colour that it names.
            return Rasters.bands(raster, gray ? 1 : colourType == 6 ? 4 : 3);
        } finally {
            reader.dispose();
        }
    }

    private static void verifyChunks(Bytes in) {
        boolean pixels = false;
        long at = 8;
        while (true) {
            long length = in.u32be(at);
            in.u8(at + 8 + length + 3);
            CRC32 crc = new CRC32();
            crc.update(in.data(), (int) at + 4, (int) length + 4);
            if (crc.getValue() != in.u32be(at + 8 + length)) {
                throw in.broken("the PNG is damaged: the chunk at byte " + at + " fails its checksum");
            }
            pixels |= in.has(at + 4, "IDAT");
            if (in.has(at + 4, "IEND")) {
                break;
            }
            at += 12 + length;
        }
        if (!pixels) {
            throw in.broken("the PNG has no pixels: there is no IDAT chunk");
        }
    }
}
