package io.aegis.cli.verify;

import io.aegis.kernels.View;
import io.aegis.models.llama.RopeScaling;
import io.aegis.models.llama.Rotary;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.ConfigJson;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The loose files {@code rope.json}, settings by name, each with the positions it was asked for, and {@code
 * rope.safetensors}: {@code NAME.inv_freq}, {@code NAME.cos} and {@code NAME.sin}.
 */
final class RotaryVerification {
    static final String FILE = "rope";

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;

    RotaryVerification(Golden golden, Verification.Computing computing, Rows rows) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
    }

    private static Path settings(Golden golden) {
        return golden.directory().resolve(FILE + ".json");
    }

    /** Whether a directory holds references of this kind. */
    static boolean recognises(Golden golden) {
        return golden.has(FILE) && Files.exists(settings(golden));
    }

    void run() {
        ConfigJson all = ConfigJson.read(settings(golden));
        for (String name : all.keys()) {
            ConfigJson setting = all.object(name);
            int size = setting.positive("head_dim");
            Rotary rotary = new Rotary(size, setting.number("rope_theta"), RopeScaling.of(setting));
            long[] positions = setting.wholes("positions").stream()
                    .mapToLong(Long::longValue)
                    .toArray();
            frequencies(FILE, name + ".inv_freq", rotary);
            angles(FILE, name + ".", rotary, positions);
        }
    }

    /** Radians a position beside those of a key. */
    void frequencies(String file, String key, Rotary rotary) {
        float[] floats = rotary.frequencies();
        double[] ours = new double[floats.length];
        Arrays.setAll(ours, i -> floats[i]);
        compare(file, key, ours);
    }

    /** Cosines and sines of some positions; the reference has each pair's twice. */
    void angles(String file, String prefix, Rotary rotary, long[] positions) {
        try (Scope scope = Scope.open(computing.kernels())) {
            Rotary.Angles angles = rotary.at(Tensor.of(positions, positions.length));
            compare(file, prefix + "cos", twice(angles.cos().view()));
            compare(file, prefix + "sin", twice(angles.sin().view()));
        }
    }

    private void compare(String file, String key, double[] ours) {
        if (golden.has(file, key)) {
            rows.compare(file + ":" + key, golden.doubles(file, key), ours, Rows.OUTPUT);
        }
    }

    private static double[] twice(View half) {
        int n = (int) half.size(1);
        double[] out = new double[2 * (int) half.elements()];
        Arrays.setAll(out, i -> half.get(i / (2 * n), i % n));
        return out;
    }
}
