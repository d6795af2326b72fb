package io.aegis.image;

import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * One sample as DADM takes it (arXiv 2503.00429, the published loaders): each picture 8-bit RGB, resized to {@code size} x
 * {@code size} by OpenCV's bilinear without antialiasing, changed in training, and normalised to (v - 127.5) / 128.
 *
 * <p>HOG and PLGF of the infrared picture are computed at its own size and resized as pictures; the published data sets
 * store them as files, which can be given instead. A modality that is missing is a picture of zeros, so -0.99609375 once
 * normalised, and so are its HOG and PLGF.
 *
 * @param rgb what the colour camera saw, [size, size, 3]
 * @param depth the depth map, repeated to three channels
 * @param infrared the infrared picture, repeated to three channels
 * @param hog oriented gradients of the infrared picture, where asked for
 * @param plgf local gravitational force of the infrared picture, where asked for
 */
public record DadmPictures(Image rgb, Image depth, Image infrared, Optional<Image> hog, Optional<Image> plgf) {
    /**
     * The pictures of a sample before anything is resized. All but {@code rgb} may be absent: depth and infrared are then
     * missing modalities, HOG and PLGF are computed where they are wanted.
     */
    public record Files(
            Image rgb, Optional<Image> depth, Optional<Image> infrared, Optional<Image> hog, Optional<Image> plgf) {
        /** The three modalities; {@code depth} and {@code infrared} may be null, which is missing. */
        public static Files of(Image rgb, Image depth, Image infrared) {
            return new Files(
                    rgb, Optional.ofNullable(depth), Optional.ofNullable(infrared), Optional.empty(), Optional.empty());
        }

        /** The same face in all three, cut out; the pictures must be of one size for that to mean anything. */
        public Files cropped(Box box) {
            return new Files(
                    rgb.crop(box),
                    depth.map(i -> i.crop(box)),
                    infrared.map(i -> i.crop(box)),
                    hog.map(i -> i.crop(box)),
                    plgf.map(i -> i.crop(box)));
        }
    }

    /** For scoring: no change but the size, no HOG, no PLGF. */
    public static DadmPictures of(Files files, int size) {
        return make(files, size, false, Augmentation.NONE, null);
    }

    /** As {@link #of(Files, int)}, with HOG and PLGF if {@code descriptors}. */
    public static DadmPictures of(Files files, int size, boolean descriptors) {
        return make(files, size, descriptors, Augmentation.NONE, null);
    }

    /**
     * For training. The number of draws from {@code random} is 24 whatever the sample holds, so that a missing modality or a
     * descriptor less does not change the rest.
     */
    public static DadmPictures of(
            Files files, int size, boolean descriptors, Augmentation augmentation, RandomGenerator random) {
        return make(files, size, descriptors, augmentation, random);
    }

    private static DadmPictures make(
            Files files, int size, boolean descriptors, Augmentation augmentation, RandomGenerator random) {
        Optional<Image> gray = descriptors ? files.infrared().map(OpenCvGray::of) : Optional.empty();
        Optional<Image> hog = files.hog().or(() -> gray.map(Hog.PUBLISHED::image));
        Optional<Image> plgf = files.plgf().or(() -> gray.map(Plgf::image));
        Maker maker = random == null
                ? Maker.plain(size)
                : new Maker(size, augmentation, Optional.of(augmentation.geometry(random)), random);
        Image x1 = maker.picture(Optional.of(files.rgb()));
        Image x2 = maker.picture(files.depth());
        Image x3 = maker.picture(files.infrared());
        Image x3Hog = maker.picture(hog);
        Image x3Plgf = maker.picture(plgf);
        return new DadmPictures(
                x1,
                x2,
                x3,
                descriptors ? Optional.of(x3Hog) : Optional.empty(),
                descriptors ? Optional.of(x3Plgf) : Optional.empty());
    }

    /** One picture after the other: crop, size, colour, mirroring. */
    private record Maker(
            int size, Augmentation augmentation, Optional<Augmentation.Geometry> geometry, RandomGenerator random) {
        static Maker plain(int size) {
            return new Maker(size, Augmentation.NONE, Optional.empty(), null);
        }

        Image picture(Optional<Image> image) {
            Optional<Augmentation.Colour> colour = geometry.map(g -> augmentation.colour(random));
            if (image.isEmpty()) {
                return Image.of(size, size, 3, new byte[3 * size * size]);
            }
            Image cropped = geometry.map(g -> g.cropped(image.get())).orElse(image.get());
            Image resized = OpenCvResize.linear(cropped.rgb(), size, size);
            Image coloured = colour.map(c -> c.of(resized)).orElse(resized);
            return geometry.map(g -> g.turned(coloured)).orElse(coloured);
        }
    }

    /** The colour picture, normalised, [3, size, size]. */
    public float[] x1() {
        return Normalization.DADM.apply(rgb);
    }

    /** The depth map, normalised, [3, size, size]. */
    public float[] x2() {
        return Normalization.DADM.apply(depth);
    }

    /** The infrared picture, normalised, [3, size, size]. */
    public float[] x3() {
        return Normalization.DADM.apply(infrared);
    }

    /** HOG of the infrared picture, normalised, [3, size, size]. */
    public float[] x3Hog() {
        return Normalization.DADM.apply(hog.orElseThrow(DadmPictures::notAsked));
    }

    /** PLGF of the infrared picture, normalised, [3, size, size]. */
    public float[] x3Plgf() {
        return Normalization.DADM.apply(plgf.orElseThrow(DadmPictures::notAsked));
    }

    private static ImageException notAsked() {
        return new ImageException("this sample was made without HOG and PLGF");
    }
}
