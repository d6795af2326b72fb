package io.aegis.image;

import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** From the decoders' rasters to pictures: stored samples, never through a colour space. */
final class Rasters {
    private Rasters() {}

    static ImageInputStream stream(Bytes in) {
        return new MemoryCacheImageInputStream(new ByteArrayInputStream(in.data()));
    }

    /** The JDK's own reader, whatever plugins an application has beside it. */
    static ImageReader jdkReader(String format) {
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
        while (readers.hasNext()) {
            ImageReader reader = readers.next();
            if (reader.getClass().getModule().equals(ImageIO.class.getModule())) {
                return reader;
            }
        }
        throw new IllegalStateException("this JDK has no reader for " + format);
    }

    /** The first {@code channels} bands, of 8 or 16 bits. */
    static Image bands(Raster raster, int channels) {
        int w = raster.getWidth();
        int h = raster.getHeight();
        if (raster.getTransferType() != DataBuffer.TYPE_USHORT) {
            return Image.of(w, h, channels, samples(raster, channels));
        }
        short[] out = new short[w * h * channels];
        short[] row = null;
        int bands = raster.getNumBands();
        for (int y = 0; y < h; y++) {
            row = (short[]) raster.getDataElements(raster.getMinX(), raster.getMinY() + y, w, 1, row);
            for (int x = 0; x < w; x++) {
                System.arraycopy(row, x * bands, out, (y * w + x) * channels, channels);
            }
        }
        return Image.of16(w, h, channels, out);
    }

    /** The first {@code channels} bands of a raster of bytes, [height, width, channels]. */
    static byte[] samples(Raster raster, int channels) {
        int w = raster.getWidth();
        int h = raster.getHeight();
        int bands = raster.getNumBands();
        if (bands == channels
                && raster.getSampleModel() instanceof PixelInterleavedSampleModel model
                && raster.getDataBuffer() instanceof DataBufferByte buffer
                && model.getScanlineStride() == w * channels
                && buffer.getData().length == w * h * channels
                && isInOrder(model.getBandOffsets())) {
            return buffer.getData();
        }
        byte[] out = new byte[w * h * channels];
        int[] row = null;
        for (int y = 0; y < h; y++) {
            row = raster.getPixels(raster.getMinX(), raster.getMinY() + y, w, 1, row);
            for (int x = 0; x < w; x++) {
                for (int c = 0; c < channels; c++) {
                    out[(y * w + x) * channels + c] = (byte) row[x * bands + c];
                }
            }
        }
        return out;
    }

    private static boolean isInOrder(int[] offsets) {
        for (int i = 0; i < offsets.length; i++) {
            if (offsets[i] != i) {
                return false;
            }
        }
        return true;
    }

    /** A palette's colours looked up; three channels, or one (the red) where the palette is gray. */
    static Image indexed(Raster raster, IndexColorModel palette, int channels) {
        byte[] index = samples(raster, 1);
        byte[] out = new byte[index.length * channels];
        int size = palette.getMapSize();
        for (int p = 0; p < index.length; p++) {
            int i = index[p] & 0xff;
            int rgb = i < size ? palette.getRGB(i) : 0;
            for (int c = 0; c < channels; c++) {
                out[p * channels + c] = (byte) (rgb >>> 16 - 8 * c);
            }
        }
        return Image.of(raster.getWidth(), raster.getHeight(), channels, out);
    }

    /** Whether every colour of a palette is gray. */
    static boolean isGray(IndexColorModel palette) {
        for (int i = 0; i < palette.getMapSize(); i++) {
            int rgb = palette.getRGB(i);
            if ((rgb >>> 16 & 0xff) != (rgb & 0xff) || (rgb >>> 8 & 0xff) != (rgb & 0xff)) {
                return false;
            }
        }
        return true;
    }

    /** RGB, with opacity as a fourth channel when there is any, or gray. */
    static Image colour(BufferedImage picture) {
        Raster raster = picture.getRaster();
        if (picture.getColorModel().getComponentSize(0) == 8 && raster.getNumBands() >= 3) {
            return bands(raster, raster.getNumBands());
        }
        if (raster.getNumBands() == 1 && raster.getTransferType() == DataBuffer.TYPE_BYTE) {
            return bands(raster, 1);
        }
        // Packed pixels of fewer bits, such as a BMP's 5-6-5.
        int w = picture.getWidth();
        int h = picture.getHeight();
        byte[] out = new byte[w * h * 3];
        int[] row = new int[w];
        for (int y = 0; y < h; y++) {
            picture.getRGB(0, y, w, 1, row, 0, w);
            for (int x = 0; x < w; x++) {
                for (int c = 0; c < 3; c++) {
                    out[(y * w + x) * 3 + c] = (byte) (row[x] >>> 16 - 8 * c);
                }
            }
        }
        return Image.of(w, h, 3, out);
    }
}
