package io.aegis.training.synthetic;

import java.util.List;

/**
 * Where and with which sensors pictures are taken. People, attacks and their mix are the same in every domain.
 *
 * @param name short name, fit for a folder
 * @param colour colour camera and visible light
 * @param depth depth camera
 * @param infrared infrared camera and lamp
 * @param backdrop what is behind the person
 */
public record Domain(String name, Colour colour, Depth depth, Infrared infrared, Backdrop backdrop) {
    /**
     * @param red gain of red; 1 is neutral
     * @param green gain of green
     * @param blue gain of blue
     * @param exposure gain of all channels
     * @param ambient share of light that comes from everywhere, 0..1
     * @param lightX mean direction of the lamp, to the right
     * @param lightY mean direction of the lamp, downwards
     * @param noise standard deviation of sensor noise at mid grey, of full scale
     * @param blur passes of a 1-2-1 filter at 64 pixels
     * @param contrast slope of the tone curve at mid grey; 1 is plain
     */
    public record Colour(
            double red,
            double green,
            double blue,
            double exposure,
            double ambient,
            double lightX,
            double lightY,
            double noise,
            double blur,
            double contrast) {}

    /**
     * @param near grey level of a plane through the tip of an average nose, 0..1; nearer is brighter
     * @param slope grey levels a head's half height of depth, of full scale
     * @param noise standard deviation of noise, of full scale
     * @param levels number of grey levels that the sensor tells apart
     * @param holes share of pixels that return nothing (0) at steep places and in hair
     * @param blur passes of a 1-2-1 filter at 64 pixels
     * @param cutOut true where the background is cut away (0)
     */
    public record Depth(
            double near, double slope, double noise, int levels, double holes, double blur, boolean cutOut) {}

    /**
     * @param gain of the lamp and sensor
     * @param ambient infrared that comes from everywhere (daylight has much, a dark room none)
     * @param falloff how fast the lamp fades with distance
     * @param vignette darkening at the corners, 0..1
     * @param noise standard deviation of noise, of full scale
     * @param blur passes of a 1-2-1 filter at 64 pixels
     */
    public record Infrared(double gain, double ambient, double falloff, double vignette, double noise, double blur) {}

    /** What is behind the person. */
    public enum Backdrop {
        /** A wall and shelves. */
        SHELVES,
        /** A bright window on one side. */
        WINDOW,
        /** A plain curtain with folds. */
        CURTAIN,
        /** A dark room with a few lights. */
        NIGHT
    }

    /** Fluorescent light from above, a good camera, a smooth time-of-flight sensor. */
    public static final Domain OFFICE = new Domain(
            "office",
            new Colour(0.97, 1.04, 0.98, 1.0, 0.55, 0.1, -0.55, 0.012, 0.4, 1.0),
            new Depth(0.88, 0.38, 0.008, 256, 0.02, 0.6, false),
            new Infrared(0.95, 0.05, 0.40, 0.25, 0.026, 1.2),
            Backdrop.SHELVES);

    /** Daylight from one side with some infrared in it; a structured-light sensor that is coarse and full of holes. */
    public static final Domain DAYLIGHT = new Domain(
            "daylight",
            new Colour(0.94, 1.0, 1.10, 1.12, 0.38, -0.6, -0.3, 0.014, 0.2, 1.12),
            new Depth(0.84, 0.34, 0.009, 64, 0.06, 0.3, false),
            new Infrared(0.82, 0.09, 0.38, 0.15, 0.034, 0.9),
            Backdrop.WINDOW);

    /** A terminal under warm lamps; a soft camera, and depth maps that were cleaned and cut out. */
    public static final Domain KIOSK = new Domain(
            "kiosk",
            new Colour(1.12, 1.0, 0.84, 0.95, 0.48, 0.25, -0.35, 0.020, 0.7, 0.92),
            new Depth(0.89, 0.37, 0.009, 96, 0.03, 0.7, true),
            new Infrared(1.10, 0.03, 0.46, 0.30, 0.024, 1.4),
            Backdrop.CURTAIN);

    /** A dim room: a noisy, soft colour picture beside a strong infrared lamp. */
    public static final Domain NIGHT = new Domain(
            "night",
            new Colour(1.05, 0.98, 0.96, 0.70, 0.42, 0.35, -0.15, 0.034, 0.8, 1.05),
            new Depth(0.80, 0.40, 0.011, 128, 0.05, 0.8, false),
            new Infrared(1.20, 0.02, 0.48, 0.38, 0.038, 1.2),
            Backdrop.NIGHT);

    private static final List<Domain> STANDARD = List.of(OFFICE, DAYLIGHT, KIOSK, NIGHT);

    /** The four domains of the project's own experiments. */
    public static List<Domain> standard() {
        return STANDARD;
    }

    @Override
    public String toString() {
        return name;
    }
}
