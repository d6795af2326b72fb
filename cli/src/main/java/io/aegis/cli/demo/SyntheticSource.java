package io.aegis.cli.demo;

import io.aegis.image.Box;
import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.training.dadm.SampleSource;
import io.aegis.training.data.Label;
import io.aegis.training.data.Sample;
import io.aegis.training.data.Split;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticDataset;
import io.aegis.training.synthetic.SyntheticFace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Synthetic faces as samples, drawn when first asked for and kept: nothing touches the disk. Cut to the head. */
final class SyntheticSource implements SampleSource {
    private final Map<String, DadmPictures.Files> drawn = new ConcurrentHashMap<>();
    private final Map<String, SyntheticDataset> sets = new ConcurrentHashMap<>();

    /** Samples of one domain; other seeds give other people. */
    Split draw(String name, Domain domain, long seed, int count, int size) {
        SyntheticDataset set = new SyntheticDataset(seed, new int[] {count}, size, List.of(domain));
        sets.put(name, set);
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            boolean bonaFide = set.attack(i).isBonaFide();
            String id = name + "/" + i;
            Path stem = Path.of(id);
            samples.add(new Sample(
                    id,
                    stem.resolve("rgb"),
                    stem.resolve("depth"),
                    stem.resolve("ir"),
                    bonaFide ? Label.BONA_FIDE : Label.ATTACK,
                    domain.name(),
                    bonaFide
                            ? ""
                            : set.attack(i).name().toLowerCase(Locale.ROOT).replace('_', ' '),
                    id,
                    null));
        }
        return new Split(name, samples);
    }

    /** The face behind a sample. */
    SyntheticFace face(Sample sample) {
        int slash = sample.id().lastIndexOf('/');
        return sets.get(sample.id().substring(0, slash))
                .get(Integer.parseInt(sample.id().substring(slash + 1)));
    }

    @Override
    public DadmPictures.Files read(Sample sample) {
        return drawn.computeIfAbsent(sample.id(), id -> pictures(face(sample)));
    }

    private static DadmPictures.Files pictures(SyntheticFace face) {
        int size = face.size();
        Box head = face.face().clip(size, size);
        return DadmPictures.Files.of(
                        Image.of(size, size, 3, face.rgb()),
                        Image.of(size, size, 1, face.depth()),
                        Image.of(size, size, 1, face.infrared()))
                .cropped(head);
    }
}
