package io.aegis.training.dadm;

import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.image.Images;
import io.aegis.models.dadm.Modality;
import io.aegis.training.data.DataException;
import io.aegis.training.data.Sample;
import java.nio.file.Path;
import java.util.Optional;

/** Pictures in files. A box is in pixels of the RGB picture, so the others must have its size to be cut by it. */
final class PictureFileSource implements SampleSource {
    /** In the place of an RGB picture that is missing; nobody looks at it. */
    private static final Image NOTHING = Image.of(1, 1, 3, new byte[3]);

    @Override
    public DadmPictures.Files read(Sample sample) {
        Image[] pictures = new Image[Modality.COUNT];
        for (Modality m : Modality.values()) {
            Optional<Path> file = sample.picture(m);
            if (file.isPresent()) {
                pictures[m.ordinal()] = cut(sample, file.get(), Images.read(file.get()));
            }
        }
        return DadmPictures.Files.of(pictures[0] == null ? NOTHING : pictures[0], pictures[1], pictures[2]);
    }

    private static Image cut(Sample sample, Path file, Image image) {
        if (sample.box() == null) {
            return image;
        }
        try {
            return image.crop(sample.box());
        } catch (RuntimeException e) {
            throw new DataException(file + ": " + e.getMessage(), e);
        }
    }
}
