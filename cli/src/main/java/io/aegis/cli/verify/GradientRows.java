package io.aegis.cli.verify;

import io.aegis.layers.Parameter;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Tensor;
import java.util.Collection;
import java.util.function.UnaryOperator;

/**
 * A loss's gradients beside those in a file. One that is rounding noise in the reference, such as that of a key's bias,
 * which moves all scores of a query alike so that the softmax does not see it, must be noise here too.
 */
final class GradientRows {
    private final Golden golden;
    private final Rows rows;
    private final String file;
    private final double floor;

    GradientRows(Golden golden, Rows rows, String file) {
        this.golden = golden;
        this.rows = rows;
        this.file = file;
        double largest = 0;
        for (String key : golden.keys(file)) {
            largest = Math.max(largest, max(golden.doubles(file, key)));
        }
        floor = rows.gradientFloor(largest);
    }

    /** Compares those of all parameters. */
    void compare(Collection<Parameter> parameters, Gradients ours, UnaryOperator<String> nameInFile) {
        for (Parameter p : parameters) {
            compare(nameInFile.apply(p.name()), ours.of(p.tensor()));
        }
    }

    /** Compares one; null where the loss does not depend on it. */
    void compare(String key, Tensor ours) {
        String name = file + ":" + key;
        if (!golden.has(file, key)) {
            if (ours != null) {
                rows.noise(name, ours.toDoubles(), 0, "the reference has no gradient here");
            }
            return;
        }
        double[] reference = golden.doubles(file, key);
        double[] values = ours == null ? new double[reference.length] : ours.toDoubles();
        if (max(reference) <= floor) {
            rows.noise(name, values, floor, "so is the reference, the gradient being 0");
        } else {
            rows.compare(name, reference, values, Rows.GRADIENT);
        }
    }

    private static double max(double[] x) {
        double max = 0;
        for (double v : x) {
            max = Double.isNaN(v) ? Double.POSITIVE_INFINITY : Math.max(max, Math.abs(v));
        }
        return max;
    }
}
