package io.aegis.weights;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.tensor.QuantizedMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The layout of quantised weights, version 1. It is a safetensors checkpoint like any other, in the names and shards of the
 * one it was made from, in which some matrices are stored otherwise:
 *
 * <ul>
 *   <li>{@code X.weight}, the codes q: I8 [N, K], from -127 to 127; or U8 [N, K / 2], two a byte, the even column in the low
 *       half, 0 to 15 for q from -8 to 7. Codes keep the weight's name, so that every table of names and every index finds
 *       them; the dtype says which they are, and a reader that does not know them refuses the dtype.
 *   <li>{@code X.weight_scale}, F32 [N, K / g], the name that others also give what a weight is multiplied with: w[n, k] =
 *       scale[n, k / g] q[n, k]. Symmetric, so there are no zero points. The group g is the largest power of two from 32 to
 *       {@code group_size} that divides K; a matrix of which none does is stored as it was.
 *   <li>Every file's {@code __metadata__} has {@code quantization_version}, {@code quantization_format} (that of most
 *       matrices; one may differ), {@code quantization_group_size} and {@code quantization_id}.
 *   <li>{@code config.json} has the same as {@code quantization_config: {quant_method: "aegis", version, format, group_size,
 *       id}}, under the key and in the words that other quantised models use, so that a program that does not know this
 *       method says so instead of reading codes as weights.
 * </ul>
 *
 * <p>The id is a digest of what was quantised and how: of the source's names, types, shapes and samples of each tensor's
 * bytes, and of the choices. Files with another id are another model's.
 *
 * @param format of most matrices
 * @param groupSize weights that share a scale, where their number allows it
 * @param id of the source and the choices, hexadecimal
 */
public record Quantization(Format format, int groupSize, String id) {
    /** The version of the layout that is described here. */
    public static final int VERSION = 1;

    /** The method's name in {@code quantization_config}. */
    public static final String METHOD = "aegis";

    /** Behind a weight's name: its scales. */
    public static final String SCALE = QuantizedMatrix.SCALE;

    private static final String CONFIG = "quantization_config";
    private static final String PREFIX = "quantization_";
    private static final int SHOWN = 20;

    /**
     * Checks the group.
     *
     * @throws IllegalArgumentException when it is no power of two, or less than 32
     */
    public Quantization {
        if (groupSize < QuantizedWeight.LEAST_GROUP || Integer.bitCount(groupSize) != 1) {
            throw new IllegalArgumentException("a group of " + groupSize + " weights, expected a power of two from "
                    + QuantizedWeight.LEAST_GROUP + " on");
        }
    }

    /** The group of a matrix with {@code columns} inputs; 0 when it cannot be quantised. */
    public int groupOf(long columns) {
        int group = (int) Math.min(groupSize, Long.lowestOneBit(columns));
        return columns > 0 && group >= QuantizedWeight.LEAST_GROUP ? group : 0;
    }

    /** What every file carries. */
    public Map<String, String> metadata() {
        Map<String, String> out = new LinkedHashMap<>();
        out.put(PREFIX + "version", "" + VERSION);
        out.put(PREFIX + "format", name(format));
        out.put(PREFIX + "group_size", "" + groupSize);
        out.put(PREFIX + "id", id);
        return out;
    }

    /** Puts into a {@code config.json} what says that its weights are quantised. */
    public void describe(ObjectNode config) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("quant_method", METHOD);
        node.put("version", VERSION);
        node.put("format", name(format));
        node.put("group_size", groupSize);
        node.put("id", id);
        config.set(CONFIG, node);
    }

    /** The tensors that a matrix becomes: codes and scales. */
    public List<TensorInfo> tensors(String name, Format codes, long rows, long columns) {
        return List.of(
                new TensorInfo(name, StoredType.of(codes.codes()), new long[] {rows, codes.width(columns)}),
                new TensorInfo(name + SCALE, StoredType.F32, new long[] {rows, columns / groupOf(columns)}));
    }

    /** {@code int8} or {@code int4}. */
    public static String name(Format format) {
        return format.name().toLowerCase(Locale.ROOT);
    }

    /** Whether a tensor is the codes of a quantised matrix. */
    public static boolean isCodes(Checkpoint c, String name) {
        TensorInfo info = c.info(name);
        return (info.dtype() == StoredType.I8 || info.dtype() == StoredType.U8) && info.shape().length == 2;
    }

    /** Whether a tensor is the scales of another. */
    public static boolean isScale(Checkpoint c, String name) {
        return name.endsWith(SCALE) && c.has(name.substring(0, name.length() - SCALE.length()));
    }

    /** The shape of a tensor as models have it: of codes, that of the matrix. */
    public static long[] shape(Checkpoint c, String name) {
        long[] shape = c.info(name).shape();
        if (c.info(name).dtype() == StoredType.U8 && isCodes(c, name) && c.has(name + SCALE)) {
            shape[1] *= 2;
        }
        return shape;
    }

    /** Whether some matrix of a checkpoint is quantised, or says to be. */
    public static boolean isIn(Checkpoint c) {
        return c.files().stream().anyMatch(f -> f.metadata().containsKey(PREFIX + "id"))
                || c.names().stream()
                        .anyMatch(n -> isScale(c, n) && isCodes(c, n.substring(0, n.length() - SCALE.length())));
    }

    /**
     * How a checkpoint is quantised, empty when it is not.
     *
     * @param config what lies beside it
     * @throws WeightsException when files are of another version of the layout, of another quantisation than the config or
     *     each other, or codes, scales and group do not belong together
     */
    public static Optional<Quantization> of(Checkpoint c, ConfigJson config) {
        Optional<Quantization> told = told(c, config);
        for (Checkpoint file : c.files()) {
            Optional<Quantization> carried = carried(file);
            if (told.isEmpty() && carried.isPresent()) {
                throw WeightsException.of(
                        config.path(),
                        "has no " + CONFIG + ", but "
                                + file.path().getFileName() + " is quantised (" + carried.get()
                                + "); the config.json that was written with it is missing");
            }
            if (carried.isEmpty() && told.isPresent()) {
                throw WeightsException.of(
                        file.path(),
                        "is not quantised, but config.json says " + told.get()
                                + "; is it a file of another checkpoint?");
            }
            if (!carried.equals(told)) {
                throw WeightsException.of(
                        file.path(),
                        "is of another quantisation (" + carried.get() + ") than config.json says (" + told.get()
                                + "); files of two models are mixed");
            }
        }
        told.ifPresent(q -> q.check(c));
        return told;
    }

    private static Optional<Quantization> told(Checkpoint c, ConfigJson config) {
        if (!config.has(CONFIG)) {
            return Optional.empty();
        }
        ConfigJson q = config.object(CONFIG);
        String method = q.text("quant_method", "");
        if (!method.equals(METHOD)) {
            // What somebody widened again may still say how it was quantised.
            if (c.names().stream().noneMatch(n -> isCodes(c, n))) {
                return Optional.empty();
            }
            throw q.invalid("quant_method", "is not known, expected \"" + METHOD + "\"; quantise the original weights");
        }
        if (q.integer("version") != VERSION) {
            throw q.invalid("version", "of the layout is not known, expected " + VERSION);
        }
        return Optional.of(read(q.path(), CONFIG + ".", q.text("format"), q.integer("group_size"), q.text("id")));
    }

    private static Optional<Quantization> carried(Checkpoint file) {
        Map<String, String> m = file.metadata();
        if (!m.containsKey(PREFIX + "id")) {
            return Optional.empty();
        }
        String version = m.get(PREFIX + "version");
        if (!("" + VERSION).equals(version)) {
            throw WeightsException.of(
                    file.path(), PREFIX + "version " + version + " of the layout is not known, expected " + VERSION);
        }
        String group = m.getOrDefault(PREFIX + "group_size", "");
        return Optional.of(read(
                file.path(),
                PREFIX,
                m.getOrDefault(PREFIX + "format", ""),
                group.matches("\\d{1,9}") ? Integer.parseInt(group) : 0,
                m.get(PREFIX + "id")));
    }

    private static Quantization read(Path where, String prefix, String format, int group, String id) {
        Format known = Arrays.stream(Format.values())
                .filter(f -> name(f).equals(format))
                .findFirst()
                .orElseThrow(() -> WeightsException.of(
                        where, prefix + "format \"" + format + "\" is not known, expected int8 or int4"));
        try {
            return new Quantization(known, group, id);
        } catch (IllegalArgumentException e) {
            throw WeightsException.of(where, prefix + "group_size is " + e.getMessage());
        }
    }

    /** Codes, scales and group must belong together. */
    private void check(Checkpoint c) {
        List<String> problems = new ArrayList<>();
        for (String name : c.names()) {
            if (isCodes(c, name)) {
                checkMatrix(c, name, problems);
            } else if (isScale(c, name)) {
                String of = name.substring(0, name.length() - SCALE.length());
                if (!isCodes(c, of)) {
                    problems.add("tensor " + name + " has the scales of " + c.info(of) + ", which is not quantised");
                }
            } else if (name.endsWith(SCALE)) {
                problems.add("tensor " + name + " has scales, but there are no codes");
            }
        }
        if (!problems.isEmpty()) {
            int shown = Math.min(SHOWN, problems.size());
            String more = problems.size() > shown ? "; and " + (problems.size() - shown) + " more" : "";
            throw WeightsException.of(
                    c.path(), "is not whole: " + String.join("; ", problems.subList(0, shown)) + more);
        }
    }

    private void checkMatrix(Checkpoint c, String name, List<String> problems) {
        TensorInfo codes = c.info(name);
        if (!c.has(name + SCALE)) {
            problems.add("tensor " + codes + " has no scales " + name + SCALE);
            return;
        }
        TensorInfo scales = c.info(name + SCALE);
        long columns = shape(c, name)[1];
        int group = groupOf(columns);
        long[] expected = {codes.shape()[0], group == 0 ? 0 : columns / group};
        if (scales.dtype() != StoredType.F32 || !Arrays.equals(scales.shape(), expected)) {
            problems.add("tensor " + scales + " does not belong to " + codes + ", expected F32"
                    + Arrays.toString(expected) + (group == 0 ? "" : " for groups of " + group));
        }
    }

    /** {@code int4, groups of 64, id 0123456789abcdef}. */
    @Override
    public String toString() {
        return name(format) + ", groups of " + groupSize + ", id " + id;
    }
}
