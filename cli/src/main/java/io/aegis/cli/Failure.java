package io.aegis.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Says what went wrong in one sentence, for the person who made it. */
final class Failure {
    private Failure() {}

    static String sentence(Throwable e) {
        return switch (e) {
            case OutOfMemoryError m ->
                "out of memory: " + m.getMessage()
                        + "; a smaller --batch or model needs less, and AEGIS_JAVA_OPTS=-Xmx8g"
                        + " gives the Java heap more";
            case NoSuchFileException f -> f.getFile() + ": no such file";
            case FileAlreadyExistsException f -> f.getFile() + ": is in the way, expected a folder or nothing there";
            case AccessDeniedException f -> f.getFile() + ": no permission";
            case FileSystemException f ->
                f.getFile() + ": " + (f.getReason() == null ? f.getClass().getSimpleName() : f.getReason());
            case IOException io -> message(io);
            default -> message(e);
        };
    }

    private static String message(Throwable e) {
        String text = e.getMessage();
        return text == null || text.isBlank()
                ? e.getClass().getSimpleName()
                : text.lines().findFirst().orElse(text);
    }
}
