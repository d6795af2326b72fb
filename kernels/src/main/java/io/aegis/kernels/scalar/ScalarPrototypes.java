package io.aegis.kernels.scalar;

import io.aegis.kernels.Loss.PrototypesOf;
import io.aegis.kernels.View;

/** Mean of the rows of each class, and with momentum {@value PrototypesOf#FRESH} of it and the rest of the state before. */
final class ScalarPrototypes {
    private ScalarPrototypes() {}

    static void compute(PrototypesOf of, View state, View to) {
        int modalities = of.features().size();
        int classes = (int) state.size(1);
        int width = (int) state.size(2);
        int each = classes * width;
        int[] rows = new int[classes];
        for (long i = 0; i < of.classes().size(0); i++) {
            long c = of.classes().getLong(i);
            if (c >= 0 && c < classes) {
                rows[(int) c]++;
            }
        }
        boolean momentum = of.momentum().getLong(0) != 0;
        double[] before = Doubles.read(state);
        double[] after = new double[before.length];
        for (int k = 0; k < modalities; k++) {
            double[] means = means(of.features().get(k), of.classes(), rows, width);
            int from = of.swap() && k > 0 ? modalities - k : k;
            for (int i = 0; i < each; i++) {
                boolean keeps = rows[i / width] == 0 && of.keepAbsent();
                double mixed = PrototypesOf.FRESH * means[i] + PrototypesOf.BEFORE * before[from * each + i];
                after[k * each + i] = !momentum ? means[i] : keeps ? before[k * each + i] : mixed;
            }
        }
        Doubles.write(after, state);
        Doubles.write(after, to);
    }

    /** [classes, D] row by row; 0 where a class has no rows. */
    private static double[] means(View x, View classes, int[] rows, int width) {
        double[] means = new double[rows.length * width];
        for (long i = 0; i < x.size(0); i++) {
            long c = classes.getLong(i);
            if (c < 0 || c >= rows.length) {
                continue;
            }
            double[] row = Doubles.readRow(x, x.index(i));
            for (int d = 0; d < width; d++) {
                means[(int) c * width + d] += row[d] / rows[(int) c];
            }
        }
        return means;
    }
}
