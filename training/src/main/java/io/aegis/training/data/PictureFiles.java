package io.aegis.training.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The pictures that lists name, checked before anything is trained on them; all that are missing go into one message. */
final class PictureFiles {
    private static final int SHOWN = 10;

    private final List<String> missing = new ArrayList<>();
    private int count;

    /** @param where file, line and column that name the picture */
    void check(String where, Path picture) {
        if (!Files.isReadable(picture) || Files.isDirectory(picture)) {
            count++;
            if (missing.size() < SHOWN) {
                missing.add(
                        where + ": " + picture + (Files.isDirectory(picture) ? " (a folder)" : unreadable(picture)));
            }
        }
    }

    private static String unreadable(Path picture) {
        return Files.exists(picture) ? " (not readable)" : "";
    }

    /** @throws DataException when any was missing, with the first ten and the count */
    void throwIfMissing(Path source) {
        if (count > 0) {
            throw new DataException(source + ": " + count + (count == 1 ? " picture is" : " pictures are")
                    + " missing: " + String.join("; ", missing)
                    + (count > SHOWN ? "; and " + (count - SHOWN) + " more" : ""));
        }
    }
}
