package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowsPlanTest {
    private static final int H200 = 227 << 10;
    private static final int SMALL = 99 << 10;
    private static final int MULTIPROCESSORS = 132;

    private static RowsPlan plan(int shared, int packed, int unit, int m, int k, int... outputs) {
        return RowsPlan.of(shared, MULTIPROCESSORS, packed, unit, m, k, outputs, false);
    }

    /** Whatever the sizes, all of K is covered by pieces that fit, each beginning with the first warp's step. */
    @Test
    void everythingFits() {
        for (int shared : new int[] {SMALL, 163 << 10, H200}) {
            for (int packed = 1; packed <= 2; packed++) {
                for (int unit : new int[] {32, 64, 128}) {
                    for (int m : new int[] {1, 2, 3, 8, 64}) {
                        for (int k : new int[] {32, 128, 4096, 14336, 53248}) {
                            RowsPlan p = plan(shared, packed, unit, m, k, 1000, 7);
                            int steps = Math.ceilDiv(k, 128 * packed);
                            assertThat(p.shared()).as("%s", p).isBetween(1, shared);
                            assertThat(p.piece() % RowsPlan.TEAM).as("%s", p).isZero();
                            assertThat(p.pieces()).as("%s", p).isEqualTo(Math.ceilDiv(steps, p.piece()));
                            assertThat(p.stages()).as("%s", p).isBetween(2, 4);
                            assertThat(p.tiles()).as("%s", p).isGreaterThanOrEqualTo(Math.ceilDiv(1007, p.span()));
                            assertThat(p.sums(1) == 0).as("%s", p).isEqualTo(p.pieces() == 1);
                        }
                    }
                }
            }
        }
    }

    /** A token of Llama-3-8B: 64 KB and more on their way on a multiprocessor of an H200, K in one piece. */
    @ParameterizedTest
    @CsvSource({
        "1, 1, 4096, 98304",
        "1, 1, 14336, 98304",
        "2, 1, 4096, 98304",
        "2, 1, 14336, 98304",
        "1, 4, 4096, 98304",
        "2, 8, 4096, 65536"
    })
    void aToken(int packed, int m, int k, int onTheirWay) {
        RowsPlan p = plan(H200, packed, 64, m, k, 4096);
        assertThat(p.pieces()).isEqualTo(1);
        assertThat(p.teams()).isEqualTo(2);
        int bytes = (p.stages() - 1) * p.teams() * RowsPlan.TEAM * RowsPlan.TILE * RowsPlan.STEP_BYTES;
        assertThat(bytes).as("%s", p).isGreaterThanOrEqualTo(onTheirWay);
    }

    /** Tiles of eight outputs, where those of sixteen would leave multiprocessors idle. */
    @Test
    void smallWeightsHaveSmallTiles() {
        assertThat(plan(H200, 1, 64, 1, 4096, 1024).span()).isEqualTo(8);
        assertThat(plan(H200, 1, 64, 1, 4096, 4096).span()).isEqualTo(16);
        assertThat(plan(H200, 1, 64, 1, 4096, 4096, 1024, 1024).span()).isEqualTo(16);
        assertThat(plan(H200, 1, 64, 1, 4096, 4096, 1024, 1024).tiles()).isEqualTo(384);
        RowsPlan gated = RowsPlan.of(H200, MULTIPROCESSORS, 1, 64, 1, 4096, new int[] {14336, 14336}, true);
        assertThat(gated.span()).isEqualTo(8);
        assertThat(gated.tiles()).isEqualTo(1792);
    }

    @Test
    void noRoomAtAll() {
        assertThatThrownBy(() -> plan(48 << 10, 1, 64, 8, 4096, 4096)).hasMessageContaining("no room for 8 rows");
    }
}
