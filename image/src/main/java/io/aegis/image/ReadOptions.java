package io.aegis.image;

/**
 * What a reader may cost, and whether it turns pictures upright.
 *
 * @param maxPixels a picture whose header announces more is refused before anything is decoded
 * @param maxBytes a larger file is refused before it is read
 * @param upright whether a JPEG's EXIF orientation is applied. Pillow's open does not, OpenCV's imread does; the
 *     published models' data has none
 */
public record ReadOptions(long maxPixels, long maxBytes, boolean upright) {
    /** 89,478,485 pixels (where Pillow begins to warn), 256 MiB, orientation ignored. */
    public static final ReadOptions DEFAULT = new ReadOptions(89_478_485, 256L << 20, false);

    public ReadOptions {
        if (maxPixels < 1 || maxBytes < 1) {
            throw new ImageException(
                    "limits of " + maxPixels + " pixels and " + maxBytes + " bytes let nothing through");
        }
    }

    /** The same with another limit of pixels. */
    public ReadOptions withMaxPixels(long pixels) {
        return new ReadOptions(pixels, maxBytes, upright);
    }

    /** The same with another limit of the file's size. */
    public ReadOptions withMaxBytes(long bytes) {
        return new ReadOptions(maxPixels, bytes, upright);
    }

    /** The same with the EXIF orientation applied or not. */
    public ReadOptions withUpright(boolean apply) {
        return new ReadOptions(maxPixels, maxBytes, apply);
    }
}
