package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Convolution.Layer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Mean and variance of what a convolution gives, gathered on its way: its bits are the plain convolution's, and there is no launch more. */
class ConvolutionStatisticsTest {
    /** Of the largest statistic: float32 sums of at most some hundred values about their own mean. */
    private static final double EXACT = 1e-5;

    private static List<Layer> layers(int n, long o, long c, long k, double bias) {
        List<Layer> out = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            View w = random(10 + i, o, c, k, k);
            View last = View.of(
                    garbage(w.elements()).buffer(), DType.F32, 0, w.shape(), Convolution.channelsLast(o, c, k, k));
            Backends.scalar().elementwise().copy(w, last);
            View b = random(20 + i, o);
            for (long j = 0; j < o; j++) {
                b.setAt(j, b.getAt(j) + bias);
            }
            out.add(new Layer(last, b, null));
        }
        return out;
    }

    private static View[] destinations(View x, List<Layer> layers, Geometry g) {
        View w = layers.getFirst().weight();
        View y = garbage(x.size(0), g.out(x.size(1), w.size(2)), g.out(x.size(2), w.size(3)), w.size(0));
        return to(y, garbage(layers.size(), w.size(0)), garbage(layers.size(), w.size(0)));
    }

    private static void check(Kernels k, View x, List<Layer> layers, Geometry g) {
        View[] d = destinations(x, layers, g);
        View[] plain = destinations(x, layers, g);
        k.convolution().forward(x, layers, g, plain[0]);
        Backends.scalar().normalization().batchStatisticsOfEach(plain[0], plain[1], plain[2]);
        Map<String, Integer> launches = CudaBackend.launches(
                k, () -> assertThat(k.convolution().forwardWithStatistics(x, layers, g, d[0], d[1], d[2]))
                        .isTrue());
        assertThat(d[0].toDoubles()).isEqualTo(plain[0].toDoubles());
        for (int i = 1; i < d.length; i++) {
            double[] expected = plain[i].toDoubles();
            double[] got = d[i].toDoubles();
            for (int j = 0; j < got.length; j++) {
                double allowed = EXACT * Math.max(Math.abs(expected[j]), i == 1 ? Math.sqrt(plain[2].getAt(j)) : 0);
                assertThat(got[j])
                        .as("%s of channel %s", i == 1 ? "mean" : "variance", j)
                        .isEqualTo(expected[j], within(allowed));
            }
        }
        launches.remove("pack");
        assertThat(launches.values()).as("%s", launches).containsExactly(1);
    }

    @ParameterizedTest(name = "{0} layers of B{1} H{2} W{3} C{4} O{5} {6}x{6}, bias {7}")
    @CsvSource({
        "3, 2, 5, 4, 13, 17, 3, 0", //    a part of one tile
        "1, 1, 8, 8, 8, 64, 3, 0", //     one whole tile
        "3, 1, 13, 5, 8, 65, 3, 1000", // one row more, one channel more; means that are large beside what they are the
        // mean of
        "2, 1, 5, 7, 64, 72, 3, 0", //    divided sums
        "2, 5, 7, 7, 8, 8, 1, -300", //   four tiles
        "3, 1, 12, 12, 8, 136, 3, 5", //  large tiles in 16 bits, the second of 16 rows
        "1, 3, 10, 10, 4, 130, 3, 0", //  the last of 44 rows: one of the two groups of threads has none
        "4, 2, 1, 1, 8, 8, 3, 0", //      two values a channel
    })
    void dense(int n, int b, int h, int w, int c, int o, int k, double bias) {
        View x = random(1, (long) n * b, h, w, c);
        List<Layer> layers = layers(n, o, c, k, bias);
        for (Precision precision : Precision.values()) {
            check(CudaTwin.kernels(precision), x, layers, new Geometry(1, k / 2, 1));
        }
    }

    @ParameterizedTest(name = "{0} layers of B{1} H{2} W{3} C{4}, padding {5}, bias {6}")
    @CsvSource({
        "3, 2, 5, 4, 13, 1, 0", //     single channels
        "3, 1, 14, 14, 132, 1, 0", //  two words of channels, segments of lines
        "2, 1, 3, 7, 8, 1, 2000", //   fewer segments than a block takes
        "1, 3, 9, 13, 36, 0, 0", //    segments that do not divide the line
        "4, 1, 2, 1, 5, 1, 0",
    })
    void depthwise(int n, int b, int h, int w, int c, int padding, double bias) {
        View x = random(1, (long) n * b, h, w, c);
        check(CudaTwin.kernels(Precision.F32), x, layers(n, c, 1, 3, bias), new Geometry(1, padding, c));
    }

    @Test
    void nothingIsDoneWhereThereIsNoSuchPass() {
        View x = random(1, 2, 6, 6, 8);
        Kernels k = CudaTwin.kernels(Precision.F32);
        for (Geometry g : new Geometry[] {new Geometry(2, 1, 8), new Geometry(2, 0, 1)}) {
            List<Layer> layers = layers(1, 8, 8 / g.groups(), g.groups() == 1 ? 2 : 3, 0); // a stride; patches
            View[] d = destinations(x, layers, g);
            double[] before = d[0].toDoubles();
            assertThat(k.convolution().forwardWithStatistics(x, layers, g, d[0], d[1], d[2]))
                    .isFalse();
            assertThat(d[0].toDoubles()).isEqualTo(before);
        }
        assertThat(Backends.best().convolution().forwardWithStatistics(x, List.of(), Geometry.POINTWISE, x, x, x))
                .isFalse();
    }

    @Test
    void theBitsAreTheSameInAnyOrder() {
        CudaTwin.sameInAnyOrder(garbage(2, 3, 72), (k, out) -> k.convolution()
                .forwardWithStatistics(
                        random(2, 3 * 4, 7, 7, 16),
                        layers(3, 72, 16, 3, 1),
                        Geometry.SAME_3X3,
                        garbage(12, 7, 7, 72),
                        out.select(0, 0),
                        out.select(0, 1)));
        CudaTwin.sameInAnyOrder(garbage(2, 3, 36), (k, out) -> k.convolution()
                .forwardWithStatistics(
                        random(2, 3 * 3, 7, 7, 36),
                        layers(3, 36, 1, 3, 1),
                        Geometry.depthwise3x3(36),
                        garbage(9, 7, 7, 36),
                        out.select(0, 0),
                        out.select(0, 1)));
    }
}
