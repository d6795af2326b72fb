package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Image;
import io.aegis.image.ImageException;
import io.aegis.image.Png;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PicturesAheadTest {
    @TempDir
    Path folder;

    private Path picture(int width) throws IOException {
        Path file = folder.resolve(width + ".png");
        Png.write(file, Image.of(width, 3, 1, new byte[3 * width]));
        return file;
    }

    @Test
    void picturesComeInOrderAndADamagedOneStopsNobody() throws IOException {
        Path damaged = Files.writeString(folder.resolve("damaged.png"), "no picture");
        List<Path> files = List.of(picture(4), damaged, picture(6));
        try (PicturesAhead ahead = new PicturesAhead(files.iterator())) {
            assertThat(ahead.next().width()).isEqualTo(4);
            assertThatThrownBy(ahead::next).isInstanceOf(ImageException.class).hasMessageContaining("damaged.png");
            assertThat(ahead.next().width()).isEqualTo(6);
            assertThatThrownBy(ahead::next).isInstanceOf(NoSuchElementException.class);
        }
    }

    @Test
    void oneIsReadAheadAndNoMore() throws IOException {
        List<Path> asked = new ArrayList<>();
        Iterator<Path> files = List.of(picture(4), picture(5), picture(6)).stream()
                .peek(asked::add)
                .iterator();
        try (PicturesAhead ahead = new PicturesAhead(files)) {
            assertThat(asked).hasSize(1);
            ahead.next();
            assertThat(asked).hasSize(2);
        }
    }
}
