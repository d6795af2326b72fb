package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageTest {
    @Test
    void refusesSamplesThatDoNotFit() {
        assertThatThrownBy(() -> Image.of(3, 2, 3, new byte[17]))
                .isInstanceOf(ImageException.class)
                .hasMessage("a picture of 3x2 with 3 channels has 18 samples, not 17");
        assertThatThrownBy(() -> Image.of(3, 2, 2, new byte[12])).isInstanceOf(ImageException.class);
        assertThatThrownBy(() -> Image.of(0, 2, 1, new byte[0])).isInstanceOf(ImageException.class);
    }

    /** Each EXIF orientation, given by where a 2x3 picture's letters ab/cd/ef go when it is turned upright. */
    @Test
    void orientations() {
        Image image = Image.of(2, 3, 1, "abcdef".getBytes(StandardCharsets.US_ASCII));
        String[] upright = {"abcdef", "badcfe", "fedcba", "efcdab", "acebdf", "ecafdb", "fdbeca", "bdface"};
        for (int tag = 1; tag <= 8; tag++) {
            Image turned = image.oriented(tag);
            assertThat(new String(turned.bytes(), StandardCharsets.US_ASCII))
                    .as("orientation %d", tag)
                    .isEqualTo(upright[tag - 1]);
            assertThat(turned.width()).isEqualTo(tag < 5 ? 2 : 3);
        }
    }

    @Test
    void mirroringTwiceIsNothing() {
        Image image = TestPictures.formula(7, 4, 3);
        assertThat(image.mirrored()).isNotEqualTo(image);
        assertThat(image.mirrored().mirrored()).isEqualTo(image);
        assertThat(image.mirrored().at(2, 0, 1)).isEqualTo(image.at(2, 6, 1));
    }

    @Test
    void aFailedWriteLeavesWhatWasThere(@TempDir Path folder) throws Exception {
        Path taken = folder.resolve("a.png");
        Files.createDirectories(taken.resolve("inside"));
        assertThatThrownBy(() -> Png.write(taken, TestPictures.flat(2, 2, 1, 3)))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("a.png: cannot be written");
        assertThat(taken.resolve("inside")).exists();
        assertThat(folder.resolve("a.png.part")).doesNotExist();
    }
}
