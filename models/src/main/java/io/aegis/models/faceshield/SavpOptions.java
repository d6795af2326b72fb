package io.aegis.models.faceshield;

import io.aegis.image.Image;
import io.aegis.image.Savp;
import java.util.function.UnaryOperator;

/**
 * How the auxiliary picture is made.
 *
 * @param stage of which picture
 * @param channels what its channels are
 */
public record SavpOptions(Stage stage, Savp channels) {
    /** Of the resized picture, as the co-authors' code makes the channels. */
    public static final SavpOptions DEFAULT = new SavpOptions(Stage.RESIZED, Savp.DEFAULT);

    /** When it is made. */
    public enum Stage {
        /** Of what the tower sees: cells and codes lie on its grid, and are never interpolated. */
        RESIZED,
        /** Of the picture as given, then framed and resized as that. */
        ORIGINAL
    }

    /**
     * The auxiliary picture, as large as what the tower sees.
     *
     * @param framed makes of any picture what the tower sees
     */
    Image of(Image picture, UnaryOperator<Image> framed) {
        return switch (stage) {
            case RESIZED -> channels.of(framed.apply(picture));
            case ORIGINAL -> framed.apply(channels.of(picture));
        };
    }
}
