package io.aegis.models.dadm;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/**
 * Mean feature of each class in each modality (DADM, section 3.4), the anchors of the single-side loss. Constants to the
 * tape. Immutable.
 */
public final class Prototypes {
    private static final double FRESH = Loss.PrototypesOf.FRESH;

    private final double[][] values;
    private final boolean[] present;
    private final int classes;
    private final int width;

    private Prototypes(double[][] values, boolean[] present, int classes, int width) {
        this.values = values;
        this.present = present;
        this.classes = classes;
        this.width = width;
    }

    /** From stored values, three arrays [classes, width] row by row; every class counts as present. */
    public static Prototypes of(double[][] values, int classes, int width) {
        boolean[] all = new boolean[classes];
        Arrays.fill(all, true);
        return new Prototypes(values.clone(), all, classes, width);
    }

    /** From stored values as above, and which classes have been seen. */
    public static Prototypes of(double[][] values, boolean[] present, int width) {
        return new Prototypes(values.clone(), present.clone(), present.length, width);
    }

    /** Class means over one batch: features [B, D] a modality; an absent class is 0. */
    public static Prototypes ofBatch(Tensor[] features, long[] prototypeClass, int classes) {
        int width = (int) features[0].size(1);
        double[][] values = new double[features.length][classes * width];
        int[] count = new int[classes];
        for (long c : prototypeClass) {
            if (c < 0 || c >= classes) {
                throw new IllegalArgumentException("prototype class " + c + " of " + classes);
            }
            count[(int) c]++;
        }
        for (int k = 0; k < features.length; k++) {
            double[] f = features[k].toDoubles();
            for (int i = 0; i < prototypeClass.length; i++) {
                int c = (int) prototypeClass[i];
                for (int d = 0; d < width; d++) {
                    values[k][c * width + d] += f[i * width + d] / count[c];
                }
            }
        }
        boolean[] present = new boolean[classes];
        for (int c = 0; c < classes; c++) {
            present[c] = count[c] > 0;
        }
        return new Prototypes(values, present, classes, width);
    }

    /** 0.8 of this batch and 0.2 of the previous result, from the second epoch on; see {@link Recipe} for the quirks. */
    public Prototypes withMomentum(Prototypes previous, Recipe recipe) {
        double[][] mixed = new double[values.length][];
        boolean[] known = new boolean[classes];
        for (int k = 0; k < values.length; k++) {
            int from = recipe.swapPrototypeMomentum() && k > 0 ? values.length - k : k;
            mixed[k] = new double[classes * width];
            for (int i = 0; i < mixed[k].length; i++) {
                int c = i / width;
                boolean keep = !present[c] && recipe.keepAbsentPrototypes();
                mixed[k][i] = keep
                        ? previous.values[k][i]
                        : FRESH * values[k][i] + Loss.PrototypesOf.BEFORE * previous.values[from][i];
                known[c] = present[c] || previous.present[c];
            }
        }
        return new Prototypes(mixed, known, classes, width);
    }

    /** One [classes, D] a modality, in the current scope. */
    public Tensor[] tensors(DType dtype) {
        return Arrays.stream(values)
                .map(own -> Tensor.of(dtype, own, classes, width))
                .toArray(Tensor[]::new);
    }

    /** Which classes have been seen so far, [classes]. */
    public boolean[] present() {
        return present.clone();
    }

    /** Channels of a prototype. */
    public int width() {
        return width;
    }

    /** One modality's values, [classes, D] row by row. */
    public double[] values(int modality) {
        return values[modality].clone();
    }
}
