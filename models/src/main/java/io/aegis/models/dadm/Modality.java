package io.aegis.models.dadm;

import java.util.List;

/** The three cameras, in the order of the model's inputs. */
public enum Modality {
    RGB,
    DEPTH,
    INFRARED;

    public static final int COUNT = 3;

    /** The modality's number in parameter names, from 1. */
    int number() {
        return ordinal() + 1;
    }

    /**
     * Two modalities that meet in a mutual-information mask.
     *
     * @param a first
     * @param b second
     */
    record Pair(Modality a, Modality b) {
        /** The order in which each layer visits them. */
        static final List<Pair> ALL = List.of(new Pair(RGB, DEPTH), new Pair(RGB, INFRARED), new Pair(DEPTH, INFRARED));

        String module() {
            return "mim_" + a.number() + b.number();
        }
    }
}
