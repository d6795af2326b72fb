package io.aegis.training.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Box;
import io.aegis.image.Image;
import io.aegis.image.Images;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticDatasetTest {
    @Test
    void samplesDoNotDependOnOrderOrThread() {
        SyntheticDataset data = SyntheticDataset.of(9, 20, 32);
        List<SyntheticFace> forward =
                IntStream.range(0, data.size()).mapToObj(data::get).toList();
        List<SyntheticFace> threads = IntStream.range(0, data.size())
                .map(i -> data.size() - 1 - i)
                .parallel()
                .mapToObj(SyntheticDataset.of(9, 20, 32)::get)
                .toList();
        for (int i = 0; i < data.size(); i++) {
            SyntheticFace a = forward.get(i);
            SyntheticFace b = threads.get(data.size() - 1 - i);
            assertThat(b.rgb()).isEqualTo(a.rgb());
            assertThat(b.depth()).isEqualTo(a.depth());
            assertThat(b.infrared()).isEqualTo(a.infrared());
        }
    }

    @Test
    void everySampleIsSomeoneElse() {
        SyntheticDataset data = SyntheticDataset.of(9, 500, 16);
        assertThat(IntStream.range(0, data.size())
                        .mapToLong(i -> data.get(i).seed())
                        .distinct()
                        .count())
                .isEqualTo(2000);
        assertThat(SyntheticDataset.of(10, 500, 16).get(3).seed())
                .isNotEqualTo(data.get(3).seed());
    }

    @Test
    void aSampleIsDrawnAgainFromItsOwnSeed() {
        SyntheticFace sample = SyntheticDataset.of(4, 10, 48).get(7);
        SyntheticFace again = new SyntheticFaces(48).draw(sample.seed(), sample.attack(), sample.domain());
        assertThat(again.rgb()).isEqualTo(sample.rgb());
    }

    @Test
    void halfIsBonaFideAndAttacksAreEven() {
        SyntheticDataset data = SyntheticDataset.of(1, 180, 16);
        for (int d = 0; d < 4; d++) {
            Map<Attack, Integer> mix = new EnumMap<>(Attack.class);
            for (int i = 180 * d; i < 180 * (d + 1); i++) {
                assertThat(data.domain(i)).isEqualTo(Domain.standard().get(d));
                mix.merge(data.attack(i), 1, Integer::sum);
            }
            assertThat(mix).containsEntry(Attack.BONA_FIDE, 90).hasSize(10);
            assertThat(Attack.attacks()).allSatisfy(a -> assertThat(mix).containsEntry(a, 10));
        }
    }

    @Test
    void emptyDomainsAreSkipped() {
        SyntheticDataset data = new SyntheticDataset(1, new int[] {0, 3, 0, 2}, 16, Domain.standard());
        assertThat(data.size()).isEqualTo(5);
        assertThat(IntStream.range(0, 5).mapToObj(data::domain))
                .containsExactly(Domain.DAYLIGHT, Domain.DAYLIGHT, Domain.DAYLIGHT, Domain.NIGHT, Domain.NIGHT);
        assertThat(data.attack(3)).isEqualTo(Attack.BONA_FIDE);
        assertThatThrownBy(() -> data.get(5)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> data.get(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void countsAndDomainsMustMatch() {
        assertThatThrownBy(() -> new SyntheticDataset(1, new int[] {1, 2}, 64, Domain.standard()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a count is needed for each domain, given 2 counts for 4 domains");
        assertThatThrownBy(() -> new SyntheticDataset(1, new int[] {1, -2}, 64, List.of(Domain.OFFICE, Domain.NIGHT)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the count of domain night is below zero: -2");
    }

    @Test
    void writesPicturesAndManifest(@TempDir Path folder) throws IOException {
        SyntheticDataset data = SyntheticDataset.of(3, 6, 24);
        data.write(folder.resolve("set"));
        List<String> lines = Files.readAllLines(folder.resolve("set/manifest.csv"));
        assertThat(lines).hasSize(25);
        assertThat(lines.getFirst()).isEqualTo("rgb,depth,ir,label,domain,attack,box");
        for (int i = 0; i < data.size(); i++) {
            SyntheticFace face = data.get(i);
            String[] cells = lines.get(i + 1).split(",", -1);
            assertThat(cells).hasSize(7);
            assertThat(decode(folder.resolve("set").resolve(cells[0]), 24, 3)).isEqualTo(face.rgb());
            assertThat(decode(folder.resolve("set").resolve(cells[1]), 24, 1)).isEqualTo(face.depth());
            assertThat(decode(folder.resolve("set").resolve(cells[2]), 24, 1)).isEqualTo(face.infrared());
            assertThat(cells[3]).isEqualTo(i % 2 == 0 ? "bonafide" : "attack");
            assertThat(cells[4]).isEqualTo(face.domain().name());
            assertThat(cells[5].isEmpty()).isEqualTo(i % 2 == 0);
            Box box = face.face();
            assertThat(cells[6]).isEqualTo(box.x() + " " + box.y() + " " + box.width() + " " + box.height());
        }
    }

    @Test
    void anExistingSetIsLeftAlone(@TempDir Path folder) throws IOException {
        Path manifest = Files.writeString(folder.resolve("manifest.csv"), "mine");
        assertThatThrownBy(() -> SyntheticDataset.of(3, 6, 24).write(folder))
                .isInstanceOf(FileAlreadyExistsException.class)
                .hasMessageContaining(manifest.toString())
                .hasMessageContaining("name another directory");
        assertThat(manifest).hasContent("mine");
        assertThat(folder).isDirectoryNotContaining(p -> !p.equals(manifest));
    }

    private static byte[] decode(Path file, int size, int channels) {
        Image image = Images.read(file);
        assertThat(new int[] {image.width(), image.height(), image.channels(), image.bits()})
                .containsExactly(size, size, channels, 8);
        return image.bytes();
    }
}
