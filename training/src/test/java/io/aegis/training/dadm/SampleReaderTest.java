package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Augmentation;
import io.aegis.image.Box;
import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.models.dadm.Modality;
import io.aegis.training.data.BatchPlan;
import io.aegis.training.data.DataException;
import io.aegis.training.data.Label;
import io.aegis.training.data.Position;
import io.aegis.training.data.RandomMissing;
import io.aegis.training.data.Sample;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SampleReaderTest {
    private static final float ZERO = -127.5f / 128;

    @TempDir
    Path folder;

    private static BatchPlan.Row row(long identity) {
        return new BatchPlan.Row(identity, 0, TinyFaces.sample("WMCA", 1));
    }

    private static SampleReader.Changes changes(Augmentation a, RandomMissing missing, boolean descriptors) {
        return new SampleReader.Changes(a, Optional.ofNullable(missing), descriptors, 7);
    }

    @Test
    void whatIsDrawnFollowsSeedEpochAndIdentity() throws Exception {
        SampleReader reader =
                new SampleReader(TinyFaces::draw, 16, Set.of(), changes(Augmentation.PUBLISHED, null, false));
        DadmPictures first = reader.read(row(3), 2);

        assertThat(reader.read(row(3), 2)).isEqualTo(first);
        assertThat(reader.read(row(3), 1).rgb()).isNotEqualTo(first.rgb());
        assertThat(reader.read(row(4), 2).rgb()).isNotEqualTo(first.rgb());
        assertThat(new SampleReader(TinyFaces::draw, 16, Set.of(), null)
                        .read(row(3), 2)
                        .rgb())
                .isNotEqualTo(first.rgb());
    }

    @Test
    void whatIsMissingIsZeros() throws Exception {
        for (Modality m : Modality.values()) {
            SampleReader reader =
                    new SampleReader(TinyFaces::draw, 16, Set.of(m), changes(Augmentation.PUBLISHED, null, false));
            DadmPictures p = reader.read(row(0), 0);
            float[][] values = {p.x1(), p.x2(), p.x3()};
            for (Modality other : Modality.values()) {
                if (other == m) {
                    assertThat(values[other.ordinal()]).containsOnly(ZERO);
                } else {
                    assertThat(values[other.ordinal()]).isNotEqualTo(values[m.ordinal()]);
                }
            }
        }
    }

    @Test
    void aSampleOfWhichAllWouldGoMissingIsLeftAsItIs() throws Exception {
        SampleReader reader = new SampleReader(
                TinyFaces::draw,
                16,
                Set.of(Modality.RGB, Modality.INFRARED),
                changes(Augmentation.NONE, new RandomMissing(1, true, true), false));
        assertThat(reader.read(row(0), 0).depth())
                .isEqualTo(new SampleReader(TinyFaces::draw, 16, Set.of(), null)
                        .read(row(0), 0)
                        .depth());

        SampleReader all = new SampleReader(
                TinyFaces::draw, 16, Set.of(), changes(Augmentation.NONE, new RandomMissing(1, true, true), false));
        DadmPictures p = all.read(row(0), 0);
        assertThat(p.x2()).containsOnly(ZERO);
        assertThat(p.x3()).containsOnly(ZERO);
        assertThat(p.x1()).isNotEqualTo(p.x2());
    }

    @Test
    void prototypesOfTheOfficialRecipeSeeInfraredHogAndPlgf() throws Exception {
        SampleReader reader = new SampleReader(TinyFaces::draw, 16, Set.of(), changes(Augmentation.NONE, null, true));
        DadmPictures p = reader.read(row(0), 0);
        BatchPlan plan = new BatchPlan(Position.START, List.of(row(0), row(1)));

        LoadedBatch batch = LoadedBatch.of(plan, List.of(p, p), 16);

        int channel = 16 * 16;
        assertThat(batch.composite()).hasSize(2 * 3 * channel);
        for (int i = 0; i < channel; i++) {
            assertThat(batch.composite()[3 * channel + i]).isEqualTo(p.x3()[i]);
            assertThat(batch.composite()[4 * channel + i]).isEqualTo(p.x3Hog()[i]);
            assertThat(batch.composite()[5 * channel + i]).isEqualTo(p.x3Plgf()[i]);
        }
        assertThat(LoadedBatch.of(plan, List.of(DadmPictures.of(TinyFaces.draw(row(0).sample()), 16), p), 16)
                        .composite())
                .isNull();
    }

    @Test
    void filesAreDecodedAndCut() throws Exception {
        Image image = TinyFaces.draw(TinyFaces.sample("WMCA", 1)).rgb();
        Path rgb = folder.resolve("rgb.png");
        Png.write(rgb, image);
        Sample cut = sample(rgb, null, new Box(2, 3, 8, 10));

        DadmPictures.Files files = SampleSource.FILES.read(cut);

        assertThat(files.rgb()).isEqualTo(image.crop(new Box(2, 3, 8, 10)));
        assertThat(files.depth()).isEmpty();
        DadmPictures.Files depthOnly = SampleSource.FILES.read(sample(null, rgb, null));
        assertThat(depthOnly.depth()).contains(image);
    }

    @Test
    void whatCannotBeReadIsNamed() {
        Path gone = folder.resolve("gone.png");
        BatchPlan plan = new BatchPlan(Position.START, List.of(new BatchPlan.Row(0, 0, sample(gone, null, null))));
        DadmBatches batches = new DadmBatches(new SampleReader(SampleSource.FILES, 16, Set.of(), null), 16);
        assertThatThrownBy(() -> batches.load(plan))
                .isInstanceOf(DataException.class)
                .hasMessage(gone + ": no such file");

        Path small = folder.resolve("small.png");
        Png.write(small, Image.of(4, 4, 1, new byte[16]));
        assertThatThrownBy(() -> SampleSource.FILES.read(sample(small, null, new Box(2, 2, 4, 4))))
                .isInstanceOf(DataException.class)
                .hasMessage(small + ": box 2,2,4,4 does not lie inside the picture, which is 4x4");
    }

    private static Sample sample(Path rgb, Path depth, Box box) {
        return new Sample("one", rgb, depth, null, Label.BONA_FIDE, "WMCA", "", "one", box);
    }
}
