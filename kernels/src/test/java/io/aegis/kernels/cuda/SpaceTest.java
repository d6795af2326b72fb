package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpaceTest {
    @Test
    void denseViewsAreOneRun() {
        View x = TestViews.zeros(DType.F32, 3, 1, 5, 7);
        Space s = Space.of(x, x);
        assertThat(s.rank()).isEqualTo(1);
        assertThat(s.count()).isEqualTo(105);
        View turned = x.permute(3, 2, 0, 1);
        assertThat(Space.of(turned, turned).rank())
                .as("the order of dimensions does not matter")
                .isEqualTo(1);
        assertThat(Space.ordered(0, 4, turned, turned).rank()).isEqualTo(3);
    }

    @Test
    void aBroadcastVectorLeavesTwoDimensions() {
        View x = TestViews.zeros(DType.F32, 3, 5, 8);
        Space s = Space.of(TestViews.zeros(DType.F32, 8).expand(3, 5, 8), x);
        assertThat(s.rank()).isEqualTo(2);
        assertThat(new long[] {s.size(0), s.size(1)}).containsExactly(8, 15);
        s.widen(0, 0);
        assertThat(s.width()).isEqualTo(4);
        assertThat(new long[] {s.size(0), s.step(0, 0), s.step(1, 0), s.step(1, 1)})
                .containsExactly(2, 4, 0, 8);
    }

    @Test
    void everyElementIsVisitedOnce() {
        View x = TestViews.strided(1, DType.F32, 3, 4, 6);
        View y = TestViews.zeros(DType.F32, 4, 3, 6).permute(1, 0, 2);
        assertThat(places(Space.of(x, y))).containsExactlyInAnyOrderElementsOf(pairs(x, y));
        assertThat(places(Space.ordered(0, 3, x, y))).containsExactlyElementsOf(pairs(x, y));
        assertThat(places(Space.ofRows(x, y))).containsExactlyElementsOf(pairs(x, y));
    }

    /** As a kernel finds them: offsets in both views behind their first elements. */
    private static List<String> places(Space s) {
        List<String> out = new ArrayList<>();
        for (long n = 0; n < s.count(); n++) {
            long rest = n;
            long[] at = new long[2];
            for (int d = 0; d < s.rank(); d++) {
                long place = d + 1 < s.rank() ? rest % s.size(d) : rest;
                rest /= s.size(d);
                at[0] += place * s.step(d, 0);
                at[1] += place * s.step(d, 1);
            }
            out.add(at[0] + " " + at[1]);
        }
        return out;
    }

    private static List<String> pairs(View x, View y) {
        List<String> out = new ArrayList<>();
        for (long n = 0; n < y.elements(); n++) {
            out.add(x.position(n) - x.offset() + " " + (y.position(n) - y.offset()));
        }
        return out;
    }

    @Test
    void rowsStayRows() {
        View x = TestViews.zeros(DType.F32, 1, 6);
        assertThat(Space.ofRows(x, x).rank()).isEqualTo(2);
        View numbers = TestViews.zeros(DType.F32, 5);
        Space s = Space.ofRows(numbers, numbers);
        assertThat(new long[] {s.rank(), s.size(0), s.size(1), s.step(1, 0)}).containsExactly(2, 1, 5, 1);
    }

    @Test
    void widthNeedsAlignedNeighbours() {
        View x = TestViews.zeros(DType.F32, 6, 12);
        assertThat(Space.of(x, x).widen(0, 4).width()).as("address").isEqualTo(1);
        View odd = TestViews.zeros(DType.F32, 6, 13).slice(1, 0, 12);
        assertThat(Space.of(x, odd).widen(0, 0).width()).as("distance of rows").isEqualTo(1);
        View thin = TestViews.zeros(DType.F32, 6, 12).slice(1, 0, 10);
        assertThat(Space.of(thin, thin).widen(0, 0).width())
                .as("length of rows")
                .isEqualTo(1);
        View run = TestViews.zeros(DType.F32, 10);
        assertThat(Space.of(run, run).widen(0, 0).count()).as("a tail").isEqualTo(3);
        assertThat(Space.of(run, run).widenWhole(0, 0).width())
                .as("no tail wanted")
                .isEqualTo(1);
    }

    @Test
    void unitsAreAsWideAsAllAllow() {
        View x = TestViews.zeros(DType.BF16, 6, 12).slice(1, 0, 8);
        assertThat(Space.of(x, x).unite(2, 16, 0, 0)).isEqualTo(8);
        assertThat(Space.of(x, x).unite(2, 4, 0, 0)).isEqualTo(4);
        assertThat(Space.of(x, x).unite(2, 16, 0, 2)).isEqualTo(2);
        Space s = Space.of(x, x);
        s.unite(2, 16, 0, 0);
        assertThat(new long[] {s.size(0), s.step(0, 0), s.step(1, 0)}).containsExactly(2, 1, 3);
    }

    @Test
    void whatKernelsCannotCount() {
        View seven = TestViews.zeros(DType.F32, 2, 2, 2, 2, 2, 2, 2).slice(0, 0, 2);
        View turned = seven.permute(0, 6, 1, 5, 2, 4, 3);
        assertThat(Space.of(turned, seven).fits()).as("seven dimensions").isFalse();
        View many = TestViews.zeros(DType.U8, 1).expand(1L << 31);
        assertThat(Space.of(many, many).fits()).as("2^31 steps").isFalse();
    }
}
