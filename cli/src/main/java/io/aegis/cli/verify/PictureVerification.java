package io.aegis.cli.verify;

import io.aegis.image.CircularLbp;
import io.aegis.image.Framing;
import io.aegis.image.Hog;
import io.aegis.image.Image;
import io.aegis.image.ImageException;
import io.aegis.image.Images;
import io.aegis.image.Normalization;
import io.aegis.image.PillowGray;
import io.aegis.image.PillowResize;
import io.aegis.image.PillowResize.Filter;
import io.aegis.image.SkimageGray;
import io.aegis.image.SquareLbp;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Pictures and what Pillow, Hugging Face's image processors, scikit-image and DADM's own script made of them. Keys begin
 * with the name of a picture in the directory, without its ending:
 *
 * <ul>
 *   <li>{@code decoded}: {@code P.rgb}
 *   <li>{@code resized_siglip384}, {@code resized_clip336}: {@code P.siglip384_u8}, and {@code lut}, a float for each sample
 *       and channel
 *   <li>{@code pixel_values}: {@code P.siglip_HxW}, {@code P.clip_N}, or with {@code llava_pad_} before these, padded to a
 *       square first
 *   <li>{@code pil_resize_P}: {@code FILTER.HxW}
 *   <li>{@code gray_lbp_hog}: {@code P.HxW.KIND}
 * </ul>
 *
 * Pictures of bytes and the processors' floats must be equal. What scikit-image computes in double may differ in its last
 * bits.
 */
final class PictureVerification {
    private static final String SIZE = "(\\d{1,4})";
    private static final Pattern FILE = Pattern.compile("decoded|resized_.+|pixel_values|pil_resize_.+|gray_lbp_hog");
    private static final Pattern RESIZED = Pattern.compile("(.+)\\.(siglip|clip)" + SIZE + "_u8");
    private static final Pattern VALUES =
            Pattern.compile("(.+)\\.(llava_pad_)?(siglip|clip)_" + SIZE + "(?:x" + SIZE + ")?");
    private static final Pattern FILTERED = Pattern.compile("(\\w+)\\." + SIZE + "x" + SIZE);
    private static final Pattern DESCRIBED = Pattern.compile("((.+)\\." + SIZE + "x" + SIZE + "\\.)(\\w+)");

    /** Gray of 0..1, and blocks of length 1. */
    private static final double UNIT = 1e-6;

    /** Sums of gradients of 0..361. */
    private static final double GRADIENTS = 1e-5;

    private final Golden golden;
    private final Rows rows;
    private final Map<String, Path> pictures = new TreeMap<>();
    private final Map<String, Image> decoded = new HashMap<>();

    PictureVerification(Golden golden, Rows rows) throws IOException {
        this.golden = golden;
        this.rows = rows;
        try (Stream<Path> files = Files.list(golden.directory())) {
            files.filter(Files::isRegularFile).forEach(this::offer);
        }
    }

    private void offer(Path file) {
        String name = file.getFileName().toString();
        int dot = name.lastIndexOf('.');
        String ending = dot < 1 ? "" : name.substring(dot + 1).toLowerCase(Locale.ROOT);
        if (List.of("png", "jpg", "jpeg", "webp", "bmp").contains(ending)) {
            pictures.put(name.substring(0, dot), file);
        }
    }

    /** Whether a directory holds references of this kind. */
    static boolean recognises(Golden golden) {
        return golden.files().stream().anyMatch(f -> FILE.matcher(f).matches());
    }

    /** Compares every key whose meaning is known; the others get no row. */
    void run() {
        for (String file : golden.files()) {
            for (String key : golden.keys(file)) {
                String name = file + ":" + key;
                try {
                    computed(file, key).ifPresent(c -> compare(name, golden.view(file, key), c));
                } catch (ImageException e) {
                    rows.failed(name, e.getMessage());
                }
            }
        }
    }

    private void compare(String name, View reference, Computed ours) {
        if (!Arrays.equals(reference.shape(), ours.shape())) {
            rows.failed(name, Arrays.toString(ours.shape()) + " elements, not " + Arrays.toString(reference.shape()));
            return;
        }
        rows.compare(name, reference.toDoubles(), ours.values(), ours.relative(), ours.absolute());
    }

    /** What this project makes of a key; empty when the key, or the picture it is about, is unknown. */
    private Optional<Computed> computed(String file, String key) {
        if (file.equals("decoded")) {
            return key.endsWith(".rgb")
                    ? picture(key.substring(0, key.length() - 4)).map(p -> Computed.exactly(p.rgb()))
                    : Optional.empty();
        }
        if (file.startsWith("resized_")) {
            return key.equals("lut") ? table(file) : resized(key);
        }
        if (file.startsWith("pil_resize_")) {
            return filtered(file.substring("pil_resize_".length()), key);
        }
        return switch (file) {
            case "pixel_values" -> values(key);
            case "gray_lbp_hog" -> described(file, key);
            default -> Optional.empty();
        };
    }

    private Optional<Image> picture(String name) {
        Path file = pictures.get(name);
        return file == null ? Optional.empty() : Optional.of(decoded.computeIfAbsent(name, n -> Images.read(file)));
    }

    private static Normalization normalization(boolean clip) {
        return clip ? Normalization.CLIP : Normalization.SIGLIP;
    }

    private static Optional<Computed> table(String file) {
        if (!file.matches("resized_(siglip|clip)\\d*")) {
            return Optional.empty();
        }
        Normalization normalization = normalization(file.startsWith("resized_clip"));
        float[] table = new float[256 * 3];
        for (int i = 0; i < table.length; i++) {
            table[i] = normalization.of(i / 3, i % 3);
        }
        return Optional.of(Computed.exactly(table, 256, 3));
    }

    private Optional<Computed> resized(String key) {
        Matcher m = RESIZED.matcher(key);
        if (!m.matches()) {
            return Optional.empty();
        }
        int side = Integer.parseInt(m.group(3));
        return picture(m.group(1))
                .map(p -> Computed.exactly(framed(p, m.group(2).equals("clip"), side, side)));
    }

    /** As the tower's own processor frames a picture; CLIP's is always square. */
    private static Image framed(Image picture, boolean clip, int height, int width) {
        return clip
                ? Framing.shortestEdge(picture, width)
                : PillowResize.resize(picture.rgb(), width, height, Filter.BICUBIC);
    }

    private Optional<Computed> values(String key) {
        Matcher m = VALUES.matcher(key);
        if (!m.matches()) {
            return Optional.empty();
        }
        boolean padded = m.group(2) != null;
        boolean clip = m.group(3).equals("clip");
        int height = Integer.parseInt(m.group(4));
        int width = m.group(5) == null ? height : Integer.parseInt(m.group(5));
        return picture(m.group(1)).map(p -> {
            Image whole = padded ? Framing.padSquare(p, clip ? Framing.CLIP_FILL : Framing.SIGLIP_FILL) : p;
            Image framed = framed(whole, clip, height, width);
            return Computed.exactly(normalization(clip).apply(framed), 3, framed.height(), framed.width());
        });
    }

    /** {@code of} is a picture's name, or its first word where only one picture begins so. */
    private Optional<Computed> filtered(String of, String key) {
        Matcher m = FILTERED.matcher(key);
        List<String> names = pictures.keySet().stream()
                .filter(n -> n.equals(of) || n.startsWith(of + "_"))
                .toList();
        if (!m.matches() || names.size() != 1) {
            return Optional.empty();
        }
        int height = Integer.parseInt(m.group(2));
        int width = Integer.parseInt(m.group(3));
        return Stream.of(Filter.values())
                .filter(f -> f.name().equalsIgnoreCase(m.group(1)))
                .findFirst()
                .flatMap(f -> picture(names.get(0))
                        .map(p -> Computed.exactly(PillowResize.resize(p.rgb(), width, height, f))));
    }

    /** Each kind from the reference's picture before it, so that one wrong step is one wrong row. */
    private Optional<Computed> described(String file, String key) {
        Matcher m = DESCRIBED.matcher(key);
        if (!m.matches()) {
            return Optional.empty();
        }
        String base = m.group(1);
        int height = Integer.parseInt(m.group(3));
        int width = Integer.parseInt(m.group(4));
        if (m.group(5).equals("rgb")) {
            return picture(m.group(2))
                    .map(p -> Computed.exactly(PillowResize.resize(p.rgb(), width, height, Filter.BICUBIC)));
        }
        Optional<Image> rgb = stored(file, base + "rgb")
                .or(() -> picture(m.group(2)).map(p -> PillowResize.resize(p.rgb(), width, height, Filter.BICUBIC)));
        if (m.group(5).equals("gray_L")) {
            return rgb.map(p -> Computed.exactly(PillowGray.of(p)));
        }
        if (m.group(5).equals("gray_skimage")) {
            return rgb.map(p -> Computed.within(UNIT, SkimageGray.of(p), p.height(), p.width()));
        }
        return stored(file, base + "gray_L").or(() -> rgb.map(PillowGray::of)).flatMap(g -> local(m.group(5), g));
    }

    private static Optional<Computed> local(String kind, Image gray) {
        Hog threes = new Hog(9, 8, 3);
        return Optional.ofNullable(
                switch (kind) {
                    case "lbp_skimage" -> Computed.exactly(CircularLbp.of(gray, CircularLbp.Method.DEFAULT));
                    case "lbp_skimage_uniform" -> Computed.exactly(CircularLbp.of(gray, CircularLbp.Method.UNIFORM));
                    case "lbp_dadm" -> Computed.exactly(SquareLbp.of(gray, SquareLbp.Border.WRAP_NEGATIVE));
                    case "hog_fd" -> descriptor(Hog.PUBLISHED, gray);
                    case "hog_image" -> drawn(Hog.PUBLISHED, gray);
                    case "hog33_fd" -> descriptor(threes, gray);
                    case "hog33_image" -> drawn(threes, gray);
                    default -> null;
                });
    }

    private static Computed descriptor(Hog hog, Image gray) {
        double[] descriptor = hog.descriptor(gray);
        return Computed.within(UNIT, descriptor, descriptor.length);
    }

    private static Computed drawn(Hog hog, Image gray) {
        return Computed.within(GRADIENTS, hog.picture(gray), gray.height(), gray.width());
    }

    /** A reference as a picture; empty when there is none of this name. */
    private Optional<Image> stored(String file, String key) {
        if (!golden.has(file, key)) {
            return Optional.empty();
        }
        View view = golden.view(file, key);
        long[] shape = view.shape();
        boolean gray = shape.length == 2;
        if (view.dtype() != DType.U8 || !gray && !(shape.length == 3 && shape[2] == 3)) {
            throw new ImageException(key + " is " + view.dtype() + " of " + Arrays.toString(shape)
                    + "; expected U8 of [height, width] or [height, width, 3]");
        }
        double[] values = view.toDoubles();
        byte[] samples = new byte[values.length];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (byte) (int) values[i];
        }
        return Optional.of(Image.of((int) shape[1], (int) shape[0], gray ? 1 : 3, samples));
    }
}
