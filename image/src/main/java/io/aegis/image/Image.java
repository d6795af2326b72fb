package io.aegis.image;

import java.util.Arrays;

/**
 * A picture in memory: rows from the top, pixels from the left, channels interleaved (H, W, C). One channel is gray,
 * three are red, green, blue, four add opacity. Samples are unsigned, of 8 or 16 bits.
 *
 * <p>Nothing here changes a picture; the arrays given and handed out are not copied and are not to be written to.
 */
public final class Image {
    private final int width;
    private final int height;
    private final int channels;
    private final byte[] bytes;
    private final short[] words;

    private Image(int width, int height, int channels, byte[] bytes, short[] words) {
        int length = bytes != null ? bytes.length : words.length;
        if (width < 1 || height < 1 || (channels != 1 && channels != 3 && channels != 4)) {
            throw new ImageException("a picture needs at least one pixel and 1, 3 or 4 channels, not " + width + "x"
                    + height + " with " + channels);
        }
        if ((long) width * height * channels != length) {
            throw new ImageException("a picture of " + width + "x" + height + " with " + channels + " channels has "
                    + (long) width * height * channels + " samples, not " + length);
        }
        this.width = width;
        this.height = height;
        this.channels = channels;
        this.bytes = bytes;
        this.words = words;
    }

    /** A picture of 8-bit samples, [height, width, channels]. */
    public static Image of(int width, int height, int channels, byte[] samples) {
        return new Image(width, height, channels, samples, null);
    }

    /** A picture of 16-bit samples, [height, width, channels]. */
    public static Image of16(int width, int height, int channels, short[] samples) {
        return new Image(width, height, channels, null, samples);
    }

    public int width() {
        return width;
    }

    public int height() {
        return height;
    }

    public int channels() {
        return channels;
    }

    /** Bits a sample: 8 or 16. */
    public int bits() {
        return bytes != null ? 8 : 16;
    }

    /** One sample, 0..255 or 0..65535. */
    public int at(int y, int x, int channel) {
        int i = (y * width + x) * channels + channel;
        return bytes != null ? bytes[i] & 0xff : words[i] & 0xffff;
    }

    /** The 8-bit samples, [height, width, channels], not copied. */
    public byte[] bytes() {
        if (bytes == null) {
            throw new ImageException("this needs 8-bit samples and the picture has 16: " + this);
        }
        return bytes;
    }

    /** The 16-bit samples, [height, width, channels], not copied. */
    public short[] words() {
        if (words == null) {
            throw new ImageException("this needs 16-bit samples and the picture has 8: " + this);
        }
        return words;
    }

    /**
     * The picture with 8-bit samples: of 16 bits the upper eight are kept, as OpenCV's imread does. (Pillow clips 16-bit
     * gray at 255 instead.) A depth map in millimetres loses most of its range so; see {@link #window}.
     */
    public Image eightBit() {
        if (bytes != null) {
            return this;
        }
        byte[] out = new byte[words.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) (words[i] >>> 8);
        }
        return of(width, height, channels, out);
    }

    /**
     * The picture with 8-bit samples: {@code low} and less become 0, {@code high} and more 255, between them linearly,
     * rounded. For depth maps in millimetres.
     */
    public Image window(int low, int high) {
        if (low >= high) {
            throw new ImageException("a window of samples from " + low + " to " + high + " is empty");
        }
        int n = width * height * channels;
        byte[] out = new byte[n];
        for (int i = 0; i < n; i++) {
            int v = bytes != null ? bytes[i] & 0xff : words[i] & 0xffff;
            double unit = Math.clamp((v - low) / ((double) high - low), 0.0, 1.0);
            out[i] = (byte) Math.round(255 * unit);
        }
        return of(width, height, channels, out);
    }

    /** 8-bit red, green, blue as Pillow's convert('RGB') makes it: gray repeated, opacity dropped and not blended. */
    public Image rgb() {
        Image from = eightBit();
        if (channels == 3) {
            return from;
        }
        byte[] out = new byte[width * height * 3];
        for (int p = 0; p < width * height; p++) {
            for (int c = 0; c < 3; c++) {
                out[3 * p + c] = from.bytes[p * channels + (channels == 1 ? 0 : c)];
            }
        }
        return of(width, height, 3, out);
    }

    /** The part of the picture inside {@code box}, which must lie in it. */
    public Image crop(Box box) {
        box.requireInside(width, height);
        return remap(box.width(), box.height(), (x, y) -> (y + box.y()) * width + x + box.x());
    }

    /** The picture with left and right exchanged. */
    public Image mirrored() {
        return remap(width, height, (x, y) -> y * width + width - 1 - x);
    }

    /** The picture turned and mirrored so that EXIF orientation {@code tag} (1..8) becomes 1. */
    Image oriented(int tag) {
        int w = width;
        int h = height;
        return switch (tag) {
            case 2 -> mirrored();
            case 3 -> remap(w, h, (x, y) -> (h - 1 - y) * w + w - 1 - x);
            case 4 -> remap(w, h, (x, y) -> (h - 1 - y) * w + x);
            case 5 -> remap(h, w, (x, y) -> x * w + y);
            case 6 -> remap(h, w, (x, y) -> (h - 1 - x) * w + y);
            case 7 -> remap(h, w, (x, y) -> (h - 1 - x) * w + w - 1 - y);
            case 8 -> remap(h, w, (x, y) -> x * w + w - 1 - y);
            default -> this;
        };
    }

    /** Where pixel (x, y) of the result comes from, as a pixel's index. */
    private interface Source {
        int of(int x, int y);
    }

    private Image remap(int w, int h, Source source) {
        int n = w * h * channels;
        Object from = bytes != null ? bytes : words;
        Object to = bytes != null ? new byte[n] : new short[n];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                System.arraycopy(from, source.of(x, y) * channels, to, (y * w + x) * channels, channels);
            }
        }
        return to instanceof byte[] b ? of(w, h, channels, b) : of16(w, h, channels, (short[]) to);
    }

    /** Same size, channels, bits and samples. */
    @Override
    public boolean equals(Object other) {
        return other instanceof Image i
                && width == i.width
                && height == i.height
                && channels == i.channels
                && Arrays.equals(bytes, i.bytes)
                && Arrays.equals(words, i.words);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + channels) + Arrays.hashCode(bytes) + Arrays.hashCode(words);
    }

    @Override
    public String toString() {
        return width + "x" + height + ", " + channels + (channels == 1 ? " channel of " : " channels of ") + bits()
                + " bits";
    }
}
