package io.aegis.image;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import java.io.IOException;
import javax.imageio.ImageReader;

/** WebP (RFC 9649): lossy, lossless and extended; of an animation the first frame. */
record WebpHeader(int width, int height) implements Header {
    @Override
    public String format() {
        return "WebP";
    }

    /** The largest size that any part announces, so that a small canvas cannot hide a large frame. */
    static WebpHeader read(Bytes in) {
        long end = 8 + in.u32le(4);
        if (end > in.size()) {
            throw in.truncated(end);
        }
        int width = 0;
        int height = 0;
        boolean pixels = false;
        long at = 12;
        while (at + 8 <= end) {
            long length = in.u32le(at + 4);
            long body = at + 8;
            if (body + length > end) {
                throw in.truncated(body + length);
            }
            int w = 0;
            int h = 0;
            if (in.has(at, "VP8X")) {
                w = 1 + u24(in, body + 4);
                h = 1 + u24(in, body + 7);
            } else if (in.has(at, "VP8 ")) {
                w = in.u16le(body + 6) & 0x3fff;
                h = in.u16le(body + 8) & 0x3fff;
                pixels = true;
            } else if (in.has(at, "VP8L")) {
                int bits = in.i32le(body + 1);
                w = 1 + (bits & 0x3fff);
                h = 1 + (bits >>> 14 & 0x3fff);
                pixels = true;
            } else if (in.has(at, "ANMF")) {
                w = 1 + u24(in, body + 6);
                h = 1 + u24(in, body + 9);
                pixels = true;
            }
            width = Math.max(width, w);
            height = Math.max(height, h);
            at = body + length + (length & 1);
        }
        if (!pixels) {
            throw in.broken("the WebP has no picture in it");
        }
        return new WebpHeader(width, height);
    }

    private static int u24(Bytes in, long at) {
        return in.u16le(at) | in.u8(at + 2) << 16;
    }

    @Override
    public Image decode(Bytes in) throws IOException {
        ImageReader reader = new WebPImageReaderSpi().createReaderInstance(null);
        try {
            reader.setInput(Rasters.stream(in), true, true);
            return Rasters.colour(reader.read(0));
        } finally {
            reader.dispose();
        }
    }
}
