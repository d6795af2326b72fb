package io.aegis.cli.verify;

import com.fasterxml.jackson.databind.JsonNode;
import io.aegis.image.CircularLbp;
import io.aegis.image.Framing;
import io.aegis.image.Hog;
import io.aegis.image.Image;
import io.aegis.image.Normalization;
import io.aegis.image.OpenCvGray;
import io.aegis.image.PillowGray;
import io.aegis.image.PillowResize;
import io.aegis.image.Savp;
import io.aegis.image.SquareLbp;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.zip.CRC32;

/**
 * {@code preprocess-crc.json}: CRC-32 and sum of one synthetic picture's bytes after each step of FaceShield's
 * preprocessing. Key {@code srcHxW_rgb_crc} says how large the picture is and {@code resizedN_crc} to what side it is
 * brought; sample c at (y, x) is (7x + 13y + 29c + 3 (xy mod 17)) mod 256.
 */
final class PictureChecksums {
    static final String FILE = "preprocess-crc.json";

    private static final String ROWS = "preprocess-crc:";
    private static final Pattern SOURCE = Pattern.compile("src(\\d{1,4})x(\\d{1,4})_rgb_(?:crc|sum)");
    private static final Pattern RESIZED = Pattern.compile("resized(\\d{1,4})_(?:crc|sum)");
    private static final Pattern PIXEL = Pattern.compile("hogvis_at_\\((\\d{1,4}), (\\d{1,4})\\)");

    /** Of sums and values in double, which another order of summation moves. */
    private static final double DOUBLE = 1e-11;

    /** The reference rounds once, at the end; the processors' way rounds to float32 first, then stretches that to twice. */
    private static final double NORMALISED = 0x1p-23;

    /** Column of the pixel in row 0 whose normalised red, green and blue are listed. */
    private static final int LISTED_PIXEL = 200;

    private final JsonNode root;
    private final Rows rows;
    private final Image resized;
    private final Image gray;
    private final double[] gradients;
    private final Map<String, Image> steps = new HashMap<>();

    /**
     * Computes all steps.
     *
     * @throws WeightsException when the file is not JSON, or does not say how large its pictures are
     */
    PictureChecksums(Path file, Rows rows) throws IOException {
        this.rows = rows;
        root = JsonFile.object(file);
        Matcher size = find(file, SOURCE, "src60x48_rgb_crc");
        int height = Integer.parseInt(size.group(1));
        int width = Integer.parseInt(size.group(2));
        int side = Integer.parseInt(find(file, RESIZED, "resized384_crc").group(1));
        if (height == 0 || width == 0 || side == 0) {
            throw WeightsException.of(file, "names a picture without pixels");
        }
        Image source = formula(width, height);
        Image padded = Framing.padSquare(source, Framing.SIGLIP_FILL);
        resized = PillowResize.resize(padded, side, side, PillowResize.Filter.BICUBIC);
        gray = PillowGray.of(resized);
        gradients = Hog.PUBLISHED.picture(gray);
        steps.put("src" + size.group(1) + "x" + size.group(2) + "_rgb", source);
        steps.put("padded" + padded.width(), padded);
        steps.put("resized" + side, resized);
        steps.put("gray", gray);
        steps.put("lbp_zero", SquareLbp.of(gray, SquareLbp.Border.ZERO));
        steps.put("lbp_wrapneg", SquareLbp.of(gray, SquareLbp.Border.WRAP_NEGATIVE));
        steps.put("lbp_replicate", SquareLbp.of(gray, SquareLbp.Border.REPLICATE));
        steps.put("lbp_skimage_default", CircularLbp.of(gray, CircularLbp.Method.DEFAULT));
        steps.put("lbp_skimage_uniform", CircularLbp.of(gray, CircularLbp.Method.UNIFORM));
        steps.put("hog_u8_trunc", Hog.PUBLISHED.image(gray));
        steps.put("hog_u8_minmax", third(new Savp(Savp.Patterns.SQUARE_ZERO, Savp.Gradients.MINMAX).of(resized)));
    }

    private Matcher find(Path file, Pattern pattern, String example) {
        for (Map.Entry<String, JsonNode> e : root.properties()) {
            Matcher m = pattern.matcher(e.getKey());
            if (m.matches()) {
                return m;
            }
        }
        throw WeightsException.of(file, "holds no checksums of pictures: there is no key such as " + example);
    }

    private static Image formula(int width, int height) {
        byte[] p = new byte[width * height * 3];
        for (int i = 0; i < p.length; i++) {
            int x = i / 3 % width;
            int y = i / 3 / width;
            p[i] = (byte) (7 * x + 13 * y + 29 * (i % 3) + 3 * (x * y % 17));
        }
        return Image.of(width, height, 3, p);
    }

    private static Image third(Image image) {
        byte[] out = new byte[image.width() * image.height()];
        for (int i = 0; i < out.length; i++) {
            out[i] = image.bytes()[3 * i + 2];
        }
        return Image.of(image.width(), image.height(), 1, out);
    }

    /** A row for every key. */
    void run() {
        root.properties().forEach(e -> compare(e.getKey(), e.getValue()));
    }

    private void compare(String key, JsonNode value) {
        Image step = steps.get(key.replaceFirst("_(crc|sum)$", ""));
        Matcher pixel = PIXEL.matcher(key);
        if (step != null && key.endsWith("_crc")) {
            exactly(key, crc(value), crc(step.bytes()));
        } else if (step != null && key.endsWith("_sum")) {
            exactly(key, number(value), sum(step.bytes()));
        } else if (pixel.matches()) {
            int y = Integer.parseInt(pixel.group(1));
            int x = Integer.parseInt(pixel.group(2));
            if (y < gray.height() && x < gray.width()) {
                nearly(key, number(value), gradients[y * gray.width() + x]);
            }
        } else {
            switch (key) {
                case "gray_vs_cv14_diffpx" -> exactly(key, number(value), different(openCv14(resized)));
                case "gray_vs_cv15_diffpx" ->
                    exactly(key, number(value), different(OpenCvGray.of(resized).bytes()));
                case "hogvis_max" -> nearly(key, number(value), max(gradients));
                case "hogvis_sum" -> nearly(key, number(value), sum(gradients));
                case "hog_u8_nonzero_frac" ->
                    nearly(key, number(value), bright(steps.get("hog_u8_trunc").bytes()));
                case "px_rgb_first3" -> pixels(key, value);
                case "stamps" -> stamps(key, value);
                // What type the reference's own numbers had, and how its makers checked themselves.
                case "hogvis_dtype", "hog_reimpl_maxabsdiff_64x64", "hog_reimpl_u8_diffpx" -> rows.given(ROWS + key);
                default -> {}
            }
        }
        rows.notCompared(ROWS + key, "nothing of ours was compared with it");
    }

    private void exactly(String key, double reference, double ours) {
        rows.compare(ROWS + key, new double[] {reference}, new double[] {ours}, 0);
    }

    private void nearly(String key, double reference, double ours) {
        rows.compare(ROWS + key, new double[] {reference}, new double[] {ours}, DOUBLE);
    }

    /** Not a number where the file has none, which no value of ours equals. */
    private static double number(JsonNode value) {
        return value.isNumber() ? value.doubleValue() : Double.NaN;
    }

    private static double crc(JsonNode value) {
        return value.asText().matches("[0-9a-fA-F]{8}") ? HexFormat.fromHexDigitsToLong(value.asText()) : Double.NaN;
    }

    private static double crc(byte[] bytes) {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        return crc.getValue();
    }

    private static double sum(byte[] bytes) {
        long sum = 0;
        for (byte b : bytes) {
            sum += b & 0xff;
        }
        return sum;
    }

    private static double sum(double[] values) {
        double sum = 0;
        for (double v : values) {
            sum += v;
        }
        return sum;
    }

    private static double max(double[] values) {
        double max = 0;
        for (double v : values) {
            max = Math.max(max, v);
        }
        return max;
    }

    /** The share of samples that are not 0. */
    private static double bright(byte[] bytes) {
        int n = 0;
        for (byte b : bytes) {
            n += b == 0 ? 0 : 1;
        }
        return (double) n / bytes.length;
    }

    private int different(byte[] other) {
        int n = 0;
        for (int i = 0; i < other.length; i++) {
            n += other[i] == gray.bytes()[i] ? 0 : 1;
        }
        return n;
    }

    /** Gray as OpenCV before 4 has it, with 14 bits instead of 15. */
    private static byte[] openCv14(Image rgb) {
        byte[] p = rgb.bytes();
        byte[] gray = new byte[p.length / 3];
        for (int i = 0; i < gray.length; i++) {
            int sum = 4899 * (p[3 * i] & 0xff) + 9617 * (p[3 * i + 1] & 0xff) + 1868 * (p[3 * i + 2] & 0xff);
            gray[i] = (byte) (sum + 8192 >> 14);
        }
        return gray;
    }

    /** Red, green and blue of one pixel as SigLIP's tower sees it. */
    private void pixels(String key, JsonNode value) {
        if (resized.width() <= LISTED_PIXEL) {
            return;
        }
        double[] ours = new double[3];
        for (int c = 0; c < 3; c++) {
            ours[c] = Normalization.SIGLIP.of(resized.at(0, LISTED_PIXEL, c), c);
        }
        rows.compare(ROWS + key, numbers(value), ours, 0, NORMALISED);
    }

    private static double[] numbers(JsonNode array) {
        double[] out = new double[array.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = number(array.get(i));
        }
        return out;
    }

    /** Row, column, row, column, ... of the line that each bin draws in its cell. */
    private void stamps(String key, JsonNode value) {
        rows.given(ROWS + key);
        for (int bin = 0; bin < Math.max(value.size(), Hog.PUBLISHED.orientations()); bin++) {
            JsonNode line = value.path(bin);
            double[] reference = new double[2 * line.size()];
            for (int i = 0; i < reference.length; i++) {
                reference[i] = number(line.path(i / 2).path(i % 2));
            }
            double[] ours = bin < Hog.PUBLISHED.orientations() ? stamp(bin) : new double[0];
            rows.compare(ROWS + key + "[" + bin + "]", reference, ours, 0);
        }
    }

    /** Draws a slope of a bin's direction, and reads its line from a cell that touches no border. */
    private static double[] stamp(int bin) {
        int cell = Hog.PUBLISHED.cell();
        int side = 3 * cell;
        double angle = Math.PI * (bin + 0.5) / Hog.PUBLISHED.orientations();
        long dx = Math.round(7 * Math.cos(angle));
        long dy = Math.round(7 * Math.sin(angle));
        byte[] slope = new byte[side * side];
        for (int i = 0; i < slope.length; i++) {
            slope[i] = (byte) (128 + dx * (i % side - side / 2) + dy * (i / side - side / 2));
        }
        double[] picture = Hog.PUBLISHED.picture(Image.of(side, side, 1, slope));
        return IntStream.range(0, cell * cell)
                .filter(i -> picture[(cell + i / cell) * side + cell + i % cell] > 0)
                .flatMap(i -> IntStream.of(i / cell, i % cell))
                .asDoubleStream()
                .toArray();
    }
}
