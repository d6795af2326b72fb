package io.aegis.training.dadm;

import io.aegis.image.Augmentation;
import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.models.dadm.Modality;
import io.aegis.training.data.BatchPlan;
import io.aegis.training.data.RandomMissing;
import io.aegis.training.data.Sample;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * Makes a sample into pictures of the model's size. What comes out follows from the sample, the seed, the epoch and the
 * row's identity alone, whichever thread asks.
 */
final class SampleReader {
    private static final long SITE = 5L << 20;

    private final SampleSource source;
    private final int size;
    private final Set<Modality> never;
    private final Changes changes;

    /**
     * What training changes at random.
     *
     * @param augmentation of pictures
     * @param missing which modalities go missing
     * @param descriptors whether HOG and PLGF of the infrared picture are made as well
     * @param seed of both
     */
    record Changes(Augmentation augmentation, Optional<RandomMissing> missing, boolean descriptors, long seed) {}

    /**
     * @param size side of the pictures
     * @param never modalities that are taken as missing from every sample
     * @param changes null for samples as they are
     */
    SampleReader(SampleSource source, int size, Set<Modality> never, Changes changes) {
        this.source = source;
        this.size = size;
        this.never = Set.copyOf(never);
        this.changes = changes;
    }

    /** The pictures of one row in one epoch; a missing modality is zeros. */
    DadmPictures read(BatchPlan.Row row, long epoch) throws Exception {
        Sample sample = seen(row, epoch);
        DadmPictures.Files files = present(sample, source.read(sample));
        DadmPictures pictures = changes == null
                ? DadmPictures.of(files, size)
                : DadmPictures.of(
                        files,
                        size,
                        changes.descriptors,
                        changes.augmentation,
                        new PhiloxRandom(changes.seed, epoch, row.identity(), SITE));
        return sample.picture(Modality.RGB).isPresent() ? pictures : withoutRgb(pictures);
    }

    private Sample seen(BatchPlan.Row row, long epoch) {
        Sample sample = row.sample().without(never);
        if (changes == null || changes.missing.isEmpty()) {
            return sample;
        }
        Set<Modality> missing = EnumSet.noneOf(Modality.class);
        missing.addAll(changes.missing.get().of(changes.seed, epoch, row.identity()));
        Set<Modality> left = EnumSet.allOf(Modality.class);
        left.removeIf(m -> missing.contains(m) || sample.picture(m).isEmpty());
        // Nothing can be learnt from a sample of which all is missing; without RGB that may be drawn.
        return left.isEmpty() ? sample : sample.without(missing);
    }

    private static DadmPictures.Files present(Sample sample, DadmPictures.Files files) {
        boolean infrared = sample.picture(Modality.INFRARED).isPresent();
        return new DadmPictures.Files(
                files.rgb(),
                files.depth().filter(_ -> sample.picture(Modality.DEPTH).isPresent()),
                files.infrared().filter(_ -> infrared),
                files.hog().filter(_ -> infrared),
                files.plgf().filter(_ -> infrared));
    }

    private DadmPictures withoutRgb(DadmPictures p) {
        Image zeros = Image.of(size, size, 3, new byte[3 * size * size]);
        return new DadmPictures(zeros, p.depth(), p.infrared(), p.hog(), p.plgf());
    }
}
