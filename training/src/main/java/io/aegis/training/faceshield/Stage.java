package io.aegis.training.faceshield;

import io.aegis.training.TrainingException;

/** What is trained, and on which template. */
public enum Stage {
    /** The projector, and PVTM's own parameters, on captions alone: {@code <image>caption}. */
    PROJECTOR("1"),
    /** Low-rank adapters in the language model, and the projector, on questions and answers. */
    ADAPTERS("2"),
    /** Tower, projector and language model, on questions and answers: for small models from scratch. */
    FULL("full");

    private final String title;

    Stage(String title) {
        this.title = title;
    }

    /** By its name on the command line: 1, 2 or full. */
    public static Stage named(String title) {
        for (Stage stage : values()) {
            if (stage.title.equals(title)) {
                return stage;
            }
        }
        throw new TrainingException("stage '" + title + "': expected 1, 2 or full");
    }

    /** Whether pictures always give the same tokens, so that they are worth keeping. */
    boolean towerIsFrozen() {
        return this != FULL;
    }

    @Override
    public String toString() {
        return title;
    }
}
