package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class GridTest {
    @Test
    void largeIsWhatHasManyRowsAndMuchWork() {
        assertThat(Grid.isLarge(729, 4304, 1152)).isTrue();
        assertThat(Grid.isLarge(64, 4304, 1152)).as("few rows").isFalse();
        assertThat(Grid.isLarge(100_000, 4304, 1152)).as("too many rows").isFalse();
        assertThat(Grid.isLarge(511, 512, 512)).as("little work").isFalse();
    }

    @Test
    void rowsAreSharedOutInWholeTiles() {
        assertThat(Grid.rows(729, 4304, 1152, 1).down()).isEqualTo(1);
        assertThat(Grid.rows(729, 4304, 1152, 2).down()).isEqualTo(2);
        assertThat(Grid.rows(200, 4304, 1152, 64).down()).isEqualTo(4);
        assertThat(Grid.rows(729, 768, 512, 64).down())
                .as("parts of 2^25 multiply-adds")
                .isEqualTo(8);
        assertThat(Grid.rows(13, 4304, 1152, 64).down()).isEqualTo(1);
        assertThat(Grid.rows(729, 4304, 1152, 7).across()).isEqualTo(1);
    }

    @Test
    void everyElementBelongsToOnePartWhateverTheShape() {
        for (int[] s : new int[][] {{1, 1, 1}, {13, 65, 7}, {703, 619, 402}, {2, 900, 9000}, {900, 3, 9000}}) {
            List<Grid> grids = new ArrayList<>(List.of(Grid.of(s[0], s[1], s[2]), Grid.columns(s[0], s[1], s[2])));
            for (int threads : new int[] {1, 2, 5, 64}) {
                grids.add(Grid.rows(s[0], s[1], s[2], threads));
            }
            for (Grid grid : grids) {
                int[] seen = new int[s[0] * s[1]];
                grid.run((row, rowEnd, column, columnEnd) -> {
                    for (long i = row; i < rowEnd; i++) {
                        for (long j = column; j < columnEnd; j++) {
                            seen[(int) (i * s[1] + j)]++;
                        }
                    }
                });
                assertThat(Arrays.stream(seen).allMatch(count -> count == 1))
                        .as(grid.toString())
                        .isTrue();
            }
        }
    }

    @Test
    void aProductThatDependsOnItsCutsIsNotCutForThreads() {
        Sgemm steady = new VectorGemm();
        assertThat(new Cuts(steady).grid(729, 768, 512)).isEqualTo(Grid.rows(729, 768, 512, Workers.count()));
        assertThat(new Cuts(new OfItsRows(steady)).grid(729, 768, 512)).isEqualTo(Grid.of(729, 768, 512));
        assertThat(new Cuts(steady).grid(70, 768, 512)).isEqualTo(Grid.of(70, 768, 512));
    }

    /** A product whose results depend a little on how many rows it is given. */
    private record OfItsRows(Sgemm inner) implements Sgemm {
        @Override
        public void multiply(
                boolean transposeA,
                boolean transposeB,
                long m,
                long n,
                long k,
                float alpha,
                MemorySegment a,
                long offsetA,
                long lda,
                MemorySegment b,
                long offsetB,
                long ldb,
                float beta,
                MemorySegment c,
                long offsetC,
                long ldc) {
            float other = m > Grid.TILES ? Math.nextUp(alpha) : alpha;
            inner.multiply(
                    transposeA, transposeB, m, n, k, other, a, offsetA, lda, b, offsetB, ldb, beta, c, offsetC, ldc);
        }

        @Override
        public String description() {
            return "unsteady";
        }
    }
}
