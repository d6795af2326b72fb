package io.aegis.image;

import com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.io.IOException;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/**
 * JPEG (ITU-T T.81). The decoder gives the stored components; colour is made here by libjpeg's integer formulas and its
 * rules for telling what the components are, so that no colour profile interferes.
 *
 * @param components 1, 3 or 4
 * @param ids the components' names, one byte each
 * @param jfif whether a JFIF marker is there
 * @param adobe the transform of Adobe's marker (0 none, 1 YCbCr, 2 YCCK), -1 without it
 * @param scan where the first scan's marker stands
 */
record JpegHeader(
        int width, int height, int components, String ids, boolean jfif, int adobe, int orientation, long scan)
        implements Header {
    private static final JPEGImageReaderSpi PROVIDER = provider();
    private static final int APP0 = 0xe0;
    private static final int APP1 = 0xe1;
    private static final int APP14 = 0xee;
    private static final int START_OF_SCAN = 0xda;
    private static final int END_OF_IMAGE = 0xd9;

    /** A provider that knows the JDK's own decoder, to which its readers hand the repaired stream. */
    private static JPEGImageReaderSpi provider() {
        JPEGImageReaderSpi provider = new JPEGImageReaderSpi();
        provider.onRegistration(IIORegistry.getDefaultInstance(), ImageReaderSpi.class);
        return provider;
    }

    @Override
    public String format() {
        return "JPEG";
    }

    static JpegHeader read(Bytes in) {
        int width = 0;
        int height = 0;
        StringBuilder ids = new StringBuilder();
        boolean jfif = false;
        int adobe = -1;
        int orientation = 1;
        long at = 2;
        while (true) {
            // Any number of fill bytes may stand before a marker; what is no marker at all is skipped, as libjpeg does.
            while (in.u8(at) != 0xff || in.u8(at + 1) == 0xff || in.u8(at + 1) == 0) {
                at++;
            }
            int marker = in.u8(at + 1);
            if (marker == START_OF_SCAN || marker == END_OF_IMAGE) {
                break;
            }
            if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
                at += 2;
                continue;
            }
            int length = in.u16be(at + 2);
            long body = at + 4;
            if (isFrame(marker)) {
                height = in.u16be(body + 1);
                width = in.u16be(body + 3);
                int n = in.u8(body + 5);
                ids.setLength(0);
                for (int i = 0; i < n; i++) {
                    ids.append((char) in.u8(body + 6 + 3L * i));
                }
            } else if (marker == APP0 && in.has(body, "JFIF\0")) {
                jfif = true;
            } else if (marker == APP14 && in.has(body, "Adobe") && length >= 14) {
                adobe = in.u8(body + 11);
            } else if (marker == APP1 && in.has(body, "Exif\0\0")) {
                orientation = Exif.orientation(in, body + 6, at + 2 + length);
            }
            at += 2L + length;
        }
        int n = ids.length();
        if (n != 1 && n != 3 && n != 4) {
            throw in.broken("the JPEG has " + n + " components, expected 1, 3 or 4");
        }
        return new JpegHeader(width, height, n, ids.toString(), jfif, adobe, orientation, at);
    }

    /** SOF0..SOF15 without DHT, JPG and DAC, which share their range. */
    private static boolean isFrame(int marker) {
        return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    }

    @Override
    public Image decode(Bytes in) throws IOException {
        requireEnd(in);
        ImageReader reader = PROVIDER.createReaderInstance(null);
        try {
            boolean[] premature = new boolean[1];
            reader.addIIOReadWarningListener((source, warning) -> premature[0] |= warning.contains("remature end"));
            reader.setInput(Rasters.stream(in), true, true);
            Raster raster = reader.readRaster(0, null);
            if (premature[0]) {
                throw in.broken("the JPEG is damaged or truncated: its pixels end before the picture does");
            }
            if (raster.getTransferType() != DataBuffer.TYPE_BYTE) {
                throw in.broken("the JPEG has more than 8 bits a sample, which is not supported");
            }
            if (raster.getNumBands() != components) {
                throw in.broken(
                        "the JPEG header says " + components + " components and the data hold " + raster.getNumBands());
            }
            return JpegColour.toImage(Rasters.samples(raster, components), raster.getWidth(), raster.getHeight(), this);
        } finally {
            reader.dispose();
        }
    }

    /** libjpeg pads a file that stops early with gray; a picture without its end is refused instead. */
    private void requireEnd(Bytes in) {
        for (long i = in.size() - 2; i > scan; i--) {
            if (in.u8(i) == 0xff && in.u8(i + 1) == END_OF_IMAGE) {
                return;
            }
        }
        throw in.broken("the JPEG is truncated: it has no end-of-image marker");
    }

    /** Whether the first three components are luma and chroma: libjpeg's default_decompress_parms. */
    boolean isLumaChroma() {
        if (components == 4) {
            return adobe == 2;
        }
        if (jfif) {
            return true;
        }
        return adobe >= 0 ? adobe != 0 : !ids.equals("RGB");
    }
}
