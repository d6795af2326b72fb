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
        return OutOfMemory.sentence(e)
                .map(memory -> e instanceof Error || isNamed(e) ? memory : what(e) + ": " + memory)
                .orElseGet(() -> what(e));
    }

    /** Whether an exception says nothing but what its cause is, as those that wrap one do. */
    private static boolean isNamed(Throwable e) {
        return e.getMessage() == null || e.getMessage().contains(OutOfMemoryError.class.getName());
    }

    private static String what(Throwable e) {
        return switch (e) {
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
