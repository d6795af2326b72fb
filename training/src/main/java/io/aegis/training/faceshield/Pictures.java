package io.aegis.training.faceshield;

import io.aegis.image.Image;
import io.aegis.image.ImageException;
import io.aegis.image.Images;
import io.aegis.kernels.DType;
import io.aegis.models.faceshield.FacePictures;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the tower sees, by the picture's path. As long as there is room, pictures stay in memory as bytes; beyond that they
 * are read again each time. Safe to share between threads.
 */
final class Pictures {
    private static final long ROOM = 1L << 30;

    private final FaceShieldConfig config;
    private final long most;
    private final Map<Path, FacePictures> kept = new ConcurrentHashMap<>();

    Pictures(FaceShieldConfig config) {
        this.config = config;
        int side = config.vision().image();
        this.most = ROOM / (6L * side * side);
    }

    /**
     * A picture as it is.
     *
     * @throws ImageException when it cannot be read
     */
    static Image read(Path file) {
        return Images.read(file);
    }

    /**
     * A picture and its auxiliary picture.
     *
     * @throws ImageException when it cannot be read
     */
    FacePictures of(Path file) {
        FacePictures known = kept.get(file);
        if (known == null) {
            known = FacePictures.of(read(file), config);
            if (kept.size() < most) {
                kept.put(file, known);
            }
        }
        return known;
    }

    /** The same, normalised, [2, 3, S, S], in the current scope. */
    Tensor pixels(Path file) {
        FacePictures pictures = of(file);
        Tensor out = Tensor.empty(
                DType.F32, 2, 3, pictures.rgb().height(), pictures.rgb().width());
        float[] values = pictures.pixels(config);
        MemorySegment.copy(values, 0, out.view().segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return out;
    }
}
