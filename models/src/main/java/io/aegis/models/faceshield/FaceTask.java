package io.aegis.models.faceshield;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What FaceShield is asked (arXiv 2505.09415, figure 1). */
public enum FaceTask {
    /** Whether the face is real. */
    COARSE,
    /** Which attack it is. */
    FINE,
    /** Why it is taken for real or not. */
    REASON,
    /** Where the attack is. */
    LOCATE;

    /** The name in commands and files, such as {@code coarse}. */
    public String title() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * By its {@link #title}.
     *
     * @throws IllegalArgumentException for another name, with those there are
     */
    public static FaceTask named(String title) {
        for (FaceTask task : values()) {
            if (task.title().equals(title)) {
                return task;
            }
        }
        throw new IllegalArgumentException("task '" + title + "': expected one of "
                + Arrays.stream(values()).map(FaceTask::title).collect(Collectors.joining(", ")));
    }
}
