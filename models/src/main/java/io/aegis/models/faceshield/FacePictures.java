package io.aegis.models.faceshield;

import io.aegis.image.Framing;
import io.aegis.image.Image;
import io.aegis.image.Normalization;
import io.aegis.image.PillowResize;
import io.aegis.models.vit.VitConfig;

/**
 * What the tower sees of a face.
 *
 * @param rgb the picture, S x S
 * @param savp its auxiliary picture, of the same size
 */
public record FacePictures(Image rgb, Image savp) {
    /** A picture of any size, channels and bits, framed and resized, and its auxiliary picture. */
    public static FacePictures of(Image picture, FaceShieldConfig config) {
        Image colours = picture.rgb();
        return new FacePictures(
                framed(colours, config), config.options().savp().of(colours, image -> framed(image, config)));
    }

    private static Image framed(Image picture, FaceShieldConfig config) {
        int side = config.vision().image();
        Image whole = config.framing() == FaceShieldConfig.Frame.PAD
                ? Framing.padSquare(picture, clip(config) ? Framing.CLIP_FILL : Framing.SIGLIP_FILL)
                : picture;
        return PillowResize.resize(whole, side, side, PillowResize.Filter.BICUBIC);
    }

    /** Both, normalised as the tower wants them, [2, 3, S, S]. */
    public float[] pixels(FaceShieldConfig config) {
        Normalization normalization = clip(config) ? Normalization.CLIP : Normalization.SIGLIP;
        int each = 3 * rgb.width() * rgb.height();
        float[] out = new float[2 * each];
        normalization.apply(rgb, out, 0);
        normalization.apply(savp, out, each);
        return out;
    }

    private static boolean clip(FaceShieldConfig config) {
        return config.vision().kind() == VitConfig.Kind.CLIP;
    }
}
