package io.aegis.image;

import java.util.Arrays;

/** Making a picture square before a vision tower sees it. */
public final class Framing {
    /** The fill of {@link #padSquare} for SigLIP: its mean, floor(255 x 0.5). */
    public static final int SIGLIP_FILL = 0x7f7f7f;

    /** The fill of {@link #padSquare} for CLIP: floor(255 x its means). */
    public static final int CLIP_FILL = 0x7a7468;

    private Framing() {}

    /**
     * The picture in the middle of a square of its longer side (LLaVA's and Bunny's {@code image_aspect_ratio = pad}); an odd
     * rest goes to the right or bottom. {@code fill} is 0xRRGGBB.
     */
    public static Image padSquare(Image image, int fill) {
        Image rgb = image.rgb();
        int w = rgb.width();
        int h = rgb.height();
        if (w == h) {
            return rgb;
        }
        int side = Math.max(w, h);
        byte[] out = new byte[Math.multiplyExact(3, Math.multiplyExact(side, side))];
        byte[] colour = {(byte) (fill >>> 16), (byte) (fill >>> 8), (byte) fill};
        if (colour[0] == colour[1] && colour[1] == colour[2]) {
            Arrays.fill(out, colour[0]);
        } else {
            for (int i = 0; i < out.length; i++) {
                out[i] = colour[i % 3];
            }
        }
        int left = (side - w) / 2;
        int top = (side - h) / 2;
        for (int y = 0; y < h; y++) {
            System.arraycopy(rgb.bytes(), 3 * y * w, out, 3 * ((top + y) * side + left), 3 * w);
        }
        return Image.of(side, side, 3, out);
    }

    /**
     * CLIP's own framing: the shorter side resized to {@code size} by Pillow's bicubic filter, the longer to int(size x long /
     * short), then the middle {@code size} x {@code size}.
     */
    public static Image shortestEdge(Image image, int size) {
        Image rgb = image.rgb();
        int w = rgb.width();
        int h = rgb.height();
        int longer = (int) ((long) size * Math.max(w, h) / Math.min(w, h));
        Image resized = w <= h
                ? PillowResize.resize(rgb, size, longer, PillowResize.Filter.BICUBIC)
                : PillowResize.resize(rgb, longer, size, PillowResize.Filter.BICUBIC);
        int left = (resized.width() - size) / 2;
        int top = (resized.height() - size) / 2;
        return resized.crop(new Box(left, top, size, size));
    }
}
