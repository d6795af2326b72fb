package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Loss;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CudaAnglesTest {
    private static Loss.AngleParts parts(long rows) {
        return new Loss.AngleParts(
                TestViews.garbage(DType.F32, 3 * rows, 3 * rows),
                TestViews.garbage(DType.F32, 3 * rows),
                TestViews.garbage(DType.F64, 6, 5));
    }

    private static Loss.Angles of(View a, View b, View c, View live, View domain) {
        return new Loss.Angles(List.of(a, b, c), live, domain, 3, 1, 0.85);
    }

    private static View draw(Random random, int rows, int below) {
        return TestViews.indices(random.ints(rows, 0, below).asLongStream().toArray());
    }

    private static void both(Kernels k, Loss.Angles of, View dloss, View loss, View... slopes) {
        Loss.AngleParts parts = parts(of.live().size(0));
        k.loss().angles(of, loss, parts);
        k.loss().anglesBackward(of, parts, dloss, Arrays.asList(slopes));
    }

    /** Domain 3 takes no part. One has more columns than a block of slopes has threads. */
    @ParameterizedTest
    @CsvSource({"1, 1, 3, 1", "2, 13, 2, 2", "6, 65, 2, 3", "5, 300, 2, 4", "17, 31, 3, 5"})
    void bothDirections(int rows, int width, int domains, int seed) {
        Random random = new Random(seed);
        View live = draw(random, rows, 2);
        View domain = draw(random, rows, domains);
        View b = random(2, rows, width);
        View c = random(3, rows, width);
        View dloss = random(4, 1);
        for (View a : to(random(1, rows, width), TestViews.strided(1, DType.F32, rows, width))) {
            Loss.Angles of = of(a, b, c, live, domain);
            compare(
                    "loss and slopes",
                    to(garbage(1), a, b, garbage(rows, width)),
                    (k, d) -> both(k, of, dloss, d[0], d[1], d[2], d[3]));
            compare("one slope", to(garbage(1), a), (k, d) -> both(k, of, dloss, d[0], null, d[1], null));
        }
    }

    @Test
    void moreRowsThanABlockHasFactors() {
        Random random = new Random(6);
        View live = draw(random, 90, 2);
        Loss.Angles of = of(random(1, 90, 2), random(2, 90, 2), random(3, 90, 2), live, draw(random, 90, 4));
        compare("slopes", to(garbage(1), garbage(90, 2)), (k, d) -> both(k, of, random(4, 1), d[0], null, d[1], null));
    }

    /** Rows of length 0, or that are no numbers, where they count and where they do not. */
    @Test
    void rowsThatAreNoVectors() {
        View live = TestViews.indices(1, 1, 0, 0, 1, 0);
        for (long[] domain : new long[][] {{0, 1, 0, 1, 3, 0}, {0, 1, 0, 0, 1, 0}}) {
            for (int bad : new int[] {0, 2, 4}) {
                for (double value : new double[] {0, Double.NaN, Double.POSITIVE_INFINITY}) {
                    View a = random(1, 6, 5);
                    for (int d = 0; d < 5; d++) {
                        a.set(value, bad, d);
                    }
                    Loss.Angles of = of(random(2, 6, 5), a, random(3, 6, 5), live, TestViews.indices(domain));
                    compare(
                            "row " + bad + " of " + value,
                            to(garbage(1), a, garbage(6, 5)),
                            (k, d) -> both(k, of, random(4, 1), d[0], null, d[1], d[2]));
                }
            }
        }
    }

    /** Nearly parallel rows far out: what is subtracted is small beside what it comes from. */
    @Test
    void farAndNearlyParallel() {
        View a = TestViews.of(DType.F32, new long[] {2, 2}, 3e20, 1e17, 1e-20, 2e-23);
        View b = TestViews.of(DType.F32, new long[] {2, 2}, 3e20, 2e17, 1e-20, 1e-23);
        Loss.Angles of = of(a, b, a, TestViews.indices(0, 0), TestViews.indices(0, 2));
        compare("loss", to(garbage(1)), (k, d) -> k.loss().angles(of, d[0], parts(2)));
        View loss = garbage(1);
        Backends.scalar().loss().angles(of, loss, parts(2));
        assertThat(loss.getAt(0)).isBetween(3 * 0.0224, 3 * 0.0226);
    }

    @Test
    void sameBitsInAnyOrder() {
        CudaTwin.sameInAnyOrder(garbage(12, 40), (k, d) -> both(k, drawn(), random(4, 1), garbage(1), null, null, d));
        CudaTwin.sameInAnyOrder(garbage(1), (k, d) -> both(k, drawn(), random(4, 1), d, null, null, garbage(12, 40)));
    }

    private static Loss.Angles drawn() {
        Random random = new Random(1);
        View live = draw(random, 12, 2);
        return of(random(1, 12, 40), random(2, 12, 40), random(3, 12, 40), live, draw(random, 12, 2));
    }

    /** No host in between: three launches forward, one back. */
    @Test
    void launches() {
        Loss.Angles of = of(
                random(1, 6, 5),
                random(2, 6, 5),
                random(3, 6, 5),
                TestViews.indices(0, 1, 0, 1, 0, 1),
                TestViews.indices(0, 0, 1, 1, 2, 2));
        assertThat(CudaTwin.kernels(Precision.F32)
                        .cuda()
                        .launched(() -> both(
                                CudaTwin.kernels(Precision.F32),
                                of,
                                random(4, 1),
                                garbage(1),
                                garbage(6, 5),
                                null,
                                null)))
                .containsOnly(
                        java.util.Map.entry("angle_products", 1),
                        java.util.Map.entry("angle_sums", 1),
                        java.util.Map.entry("angle_loss", 1),
                        java.util.Map.entry("angle_slopes", 1));
    }
}
