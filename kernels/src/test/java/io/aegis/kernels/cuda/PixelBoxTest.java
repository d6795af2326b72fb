package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How convolution_sm90a.cu numbers tiles, boxes and rows, worked out here as it does there (locate and row_of). */
class PixelBoxTest {
    /** Each pixel of each layer is one row of one tile for each of the columns' tiles, and no other row is a pixel. */
    @ParameterizedTest(name = "{0} layers of {1} pictures {2} x {3}, {4} tiles across")
    @CsvSource({
        "3, 64, 14, 14, 12",
        "3, 16, 14, 14, 2",
        "1, 4, 7, 5, 1", //    boxes over several pictures, the last of them less
        "2, 3, 1, 150, 2", //  lines longer than a box
        "1, 2, 150, 1, 1",
        "4, 129, 1, 1, 1", //  pictures of a pixel
        "1, 1, 200, 300, 1",
        "2, 1, 13, 11, 3",
    })
    void everyPixelIsOneRowOfOneTile(int layers, int pictures, int height, int width, int across) {
        PixelBox box = PixelBox.of(width, height, pictures);
        int boxesWide = Math.ceilDiv(width, box.wide());
        int boxesHigh = Math.ceilDiv(height, box.high());
        int perLayer = (int) box.count(width, height, pictures) * across;
        int[][] seen = new int[across][layers * pictures * height * width];
        for (int tile = 0; tile < layers * perLayer; tile++) {
            int layer = tile / perLayer;
            int t = tile % perLayer;
            int number = t / across;
            int line = number / boxesWide % boxesHigh * box.high();
            int place = number % boxesWide * box.wide();
            int picture = number / boxesWide / boxesHigh * box.deep();
            for (int row = 0; row < PixelBox.MOST; row++) {
                int down = row / box.wide();
                int b = picture + down / box.high();
                int i = line + down % box.high();
                int j = place + row % box.wide();
                boolean inBox = down / box.high() < box.deep();
                assertThat(inBox)
                        .as("row %d of %s lies where one copy brings pixels", row, box)
                        .isEqualTo(row < box.pixels());
                if (inBox && b < pictures && i < height && j < width) {
                    seen[t % across][((layer * pictures + b) * height + i) * width + j]++;
                }
            }
        }
        for (int[] columns : seen) {
            assertThat(Arrays.stream(columns).allMatch(n -> n == 1))
                    .as("each pixel once by %s", box)
                    .isTrue();
        }
    }

    /** None of all boxes of at most 128 pixels is needed less often; none is larger, in any dimension, than what it covers. */
    @ParameterizedTest
    @CsvSource({"14, 14, 64", "14, 14, 16", "14, 14, 1", "5, 7, 4", "150, 1, 3", "1, 1, 300", "31, 17, 5", "24, 24, 2"})
    void noBoxIsNeededLessOften(int width, int height, int pictures) {
        PixelBox best = PixelBox.of(width, height, pictures);
        assertThat(best.pixels()).isLessThanOrEqualTo(PixelBox.MOST);
        assertThat(best.wide()).isLessThanOrEqualTo(width);
        assertThat(best.high()).isLessThanOrEqualTo(height);
        assertThat(best.deep()).isLessThanOrEqualTo(pictures);
        for (int w = 1; w <= PixelBox.MOST; w++) {
            for (int h = 1; w * h <= PixelBox.MOST; h++) {
                for (int d = 1; w * h * d <= PixelBox.MOST; d++) {
                    assertThat(new PixelBox(w, h, d).count(width, height, pictures))
                            .isGreaterThanOrEqualTo(best.count(width, height, pictures));
                }
            }
        }
    }

    /** DADM's maps: of 64 pictures no row is idle, of 16 an eighth. */
    @Test
    void boxesOfDadm() {
        assertThat(PixelBox.of(14, 14, 64)).isEqualTo(new PixelBox(2, 2, 32));
        assertThat(PixelBox.of(14, 14, 64).count(14, 14, 64) * PixelBox.MOST).isEqualTo(64 * 14 * 14);
        assertThat(PixelBox.of(14, 14, 16).count(14, 14, 16)).isEqualTo(28);
    }
}
