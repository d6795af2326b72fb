package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/**
 * Which weights of a model a verification computes with.
 *
 * @param form how they are loaded
 * @param folders from a model's folder to the one that is read in its place
 */
record Weights(Form form, UnaryOperator<Path> folders) {
    /** How weights are loaded. */
    enum Form {
        /** As they were published: matrices that nothing trains where they lie. */
        PUBLISHED,
        /** Rounded to few bits, and widened again. */
        WIDENED,
        /** Rounded to few bits, and multiplied so. */
        FEW_BITS
    }

    /** A model's own. */
    static final Weights PUBLISHED = new Weights(Form.PUBLISHED, UnaryOperator.identity());

    Path of(Path folder) {
        return folders.apply(folder);
    }

    boolean arePublished() {
        return form == Form.PUBLISHED;
    }

    /** For outputs alone: matrices as they are stored where float32 is computed in. */
    void load(VisionLanguageCheckpoint checkpoint, Parameters p, DType dtype) {
        if (dtype == DType.F32 && form != Form.WIDENED) {
            checkpoint.load(p);
        } else {
            checkpoint.load(p, dtype);
        }
    }

    /** For gradients of all that is not of few bits. */
    void loadTrainable(VisionLanguageCheckpoint checkpoint, Parameters p, DType dtype) {
        if (form == Form.FEW_BITS) {
            checkpoint.loadTrainable(p);
        } else {
            checkpoint.load(p, dtype);
        }
    }
}
