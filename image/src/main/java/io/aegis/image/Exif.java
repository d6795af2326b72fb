package io.aegis.image;

/** The one field of EXIF (a TIFF inside a JPEG) that matters here. */
final class Exif {
    private static final int ORIENTATION = 0x0112;

    private Exif() {}

    /** The orientation, 1..8, from the TIFF header at {@code tiff}; 1 when it is absent or makes no sense. */
    static int orientation(Bytes in, long tiff, long end) {
        boolean little = in.has(tiff, "II*\0");
        if (end > in.size() || end - tiff < 14 || (!little && !in.has(tiff, "MM\0*"))) {
            return 1;
        }
        long directory = tiff + (little ? in.u32le(tiff + 4) : in.u32be(tiff + 4));
        if (directory + 2 > end) {
            return 1;
        }
        int entries = little ? in.u16le(directory) : in.u16be(directory);
        for (int i = 0; i < entries; i++) {
            long entry = directory + 2 + 12L * i;
            if (entry + 12 > end) {
                return 1;
            }
            if ((little ? in.u16le(entry) : in.u16be(entry)) == ORIENTATION) {
                int value = little ? in.u16le(entry + 8) : in.u16be(entry + 8);
                return value >= 1 && value <= 8 ? value : 1;
            }
        }
        return 1;
    }
}
