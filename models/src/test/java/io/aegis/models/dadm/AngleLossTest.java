package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The angles in one operation beside the same as they are published, whoever the rows are. */
class AngleLossTest {
    private static final int WIDTH = 5;

    /** The loss, then gradients of all features; zeros where there is none. */
    private static double[] values(Kernels kernels, DType dtype, double[][] x, Labels labels, boolean literal) {
        try (Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            int b = labels.live().length;
            Tensor[] features = new Tensor[x.length];
            for (int k = 0; k < x.length; k++) {
                features[k] = Tensor.wrap(Tensor.of(dtype, x[k], b, WIDTH).view(), true);
            }
            Tensor loss = literal
                    ? AngleLoss.literal(features, labels)
                    : AngleLoss.of(features, Tensor.of(labels.live(), b), Tensor.of(labels.domain(), b));
            double[] all = new double[1 + x.length * b * WIDTH];
            if (loss == null) {
                return all;
            }
            all[0] = loss.item();
            try (Gradients g = tape.gradients(loss, List.of(features))) {
                for (int k = 0; k < x.length; k++) {
                    View own = g.of(features[k]).view();
                    System.arraycopy(own.toDoubles(), 0, all, 1 + k * b * WIDTH, b * WIDTH);
                }
            }
            return all;
        }
    }

    private static double[][] draw(Random random, int rows) {
        double[][] x = new double[3][rows * WIDTH];
        for (double[] one : x) {
            Arrays.setAll(one, i -> random.nextGaussian() * 3);
        }
        return x;
    }

    private static Labels labels(Random random, int rows, int domains) {
        long[] live = random.ints(rows, 0, 2).asLongStream().toArray();
        return new Labels(
                live, live, random.ints(rows, 0, domains).asLongStream().toArray());
    }

    private static void compare(double[] literal, double[] ours, double tolerance) {
        double largest = Arrays.stream(literal)
                .filter(Double::isFinite)
                .map(Math::abs)
                .max()
                .orElse(0);
        for (int i = 0; i < literal.length; i++) {
            boolean same = Double.isNaN(literal[i])
                    ? Double.isNaN(ours[i])
                    : Math.abs(literal[i] - ours[i]) <= tolerance * largest;
            assertThat(same)
                    .as("%d: %s, literally %s, largest %s", i, ours[i], literal[i], largest)
                    .isTrue();
        }
    }

    /** Of few rows cells are empty or of one row, classes are lacking, and domains alone; domain 3 takes no part. */
    @Test
    void itIsTheLiteralLossWhoeverTheRowsAre() {
        Random random = new Random(1);
        int plain = 0;
        for (int i = 0; i < 200; i++) {
            int rows = 1 + random.nextInt(i < 100 ? 8 : 24);
            double[][] x = draw(random, rows);
            Labels labels = labels(random, rows, 1 + random.nextInt(4));
            double[] literal = values(Backends.scalar(), DType.F64, x, labels, true);
            plain += literal[0] == 0 ? 1 : 0;
            compare(literal, values(Backends.scalar(), DType.F64, x, labels, false), 1e-12);
        }
        assertThat(plain).as("losses of which nothing is left").isBetween(20, 180);
    }

    /** What float32 loses; the best kernels of this machine. */
    @Test
    void inFloat32() {
        Random random = new Random(2);
        double[][] x = draw(random, 24);
        Labels labels = labels(random, 24, 3);
        double[] literal = values(Backends.scalar(), DType.F64, x, labels, true);
        compare(literal, values(Backends.best(), DType.F32, x, labels, false), 2e-6);
    }

    /**
     * A row without a length, or with a number that is none, spoils the losses that it spoils literally, and where the loss is a number the
     * same gradients. Where it is none, so are fewer gradients: literally all of a cell are shifted by one mean.
     */
    @Test
    void rowsThatAreNoVectors() {
        Random random = new Random(3);
        boolean spoilt = false;
        boolean whole = false;
        for (int i = 0; i < 60; i++) {
            int rows = 4 + random.nextInt(8);
            double[][] x = draw(random, rows);
            int bad = random.nextInt(rows);
            double value = new double[] {0, Double.NaN, Double.POSITIVE_INFINITY}[i % 3];
            Arrays.fill(x[i % 2], bad * WIDTH, (bad + 1) * WIDTH, value);
            Labels labels = labels(random, rows, 2 + random.nextInt(3));
            double[] literal = values(Backends.scalar(), DType.F64, x, labels, true);
            spoilt |= Double.isNaN(literal[0]);
            double[] ours = values(Backends.scalar(), DType.F64, x, labels, false);
            if (Double.isNaN(literal[0])) {
                assertThat(ours[0]).isNaN();
                continue;
            }
            whole |= literal[0] > 0 && Arrays.stream(literal).anyMatch(Double::isNaN);
            compare(literal, ours, 1e-12);
        }
        assertThat(spoilt).as("some loss is none").isTrue();
        assertThat(whole).as("some loss is one, though a gradient is none").isTrue();
    }
}
