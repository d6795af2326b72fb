package io.aegis.weights;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Makes folders as a whole: filled beside, then renamed. At any moment the name means nothing or the complete folder.
 * What a killed process left beside is removed by the next one that makes the same folder.
 */
public final class AtomicFolder {
    private static final String SUFFIX = ".tmp";
    private static final long PID = ProcessHandle.current().pid();
    private static final Set<Path> UNFINISHED = ConcurrentHashMap.newKeySet();

    private AtomicFolder() {}

    /**
     * Makes a folder that {@code content} fills.
     *
     * @param target does not exist, or is an empty folder; folders around it are made as well
     * @throws WeightsException when there is something already, or the folder cannot be made; nothing is left beside
     */
    public static void write(Path target, IoConsumer<Path> content) {
        Path folder = target.toAbsolutePath().normalize();
        Path beside = folder.resolveSibling("." + folder.getFileName() + "." + PID + SUFFIX);
        if (!UNFINISHED.add(beside)) {
            throw WeightsException.of(target, "is being written already");
        }
        try {
            checkFree(target, folder);
            Files.createDirectories(folder.getParent());
            removeAbandoned(folder);
            Files.createDirectory(beside);
            content.accept(beside);
            // An empty one that is in the way; not every system renames over it.
            Files.deleteIfExists(folder);
            Files.move(beside, folder, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new WeightsException(target + ": could not be written: " + Reason.of(e), e);
        } finally {
            discard(beside);
            UNFINISHED.remove(beside);
        }
    }

    private static void checkFree(Path target, Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            throw WeightsException.of(target, "is a file, expected a folder to make");
        }
        try (DirectoryStream<Path> inside = Files.newDirectoryStream(folder)) {
            if (inside.iterator().hasNext()) {
                throw WeightsException.of(target, "exists and is not empty; remove it, or give another folder");
            }
        }
    }

    private static void removeAbandoned(Path folder) throws IOException {
        String prefix = "." + folder.getFileName() + ".";
        try (DirectoryStream<Path> siblings = Files.newDirectoryStream(folder.getParent())) {
            for (Path sibling : siblings) {
                String name = sibling.getFileName().toString();
                if (name.startsWith(prefix) && name.endsWith(SUFFIX)) {
                    String owner = name.substring(prefix.length(), name.length() - SUFFIX.length());
                    if (owner.matches("\\d{1,18}") && isAbandoned(Long.parseLong(owner))) {
                        discard(sibling);
                    }
                }
            }
        }
    }

    /** In a container the process before this one often had the same number. */
    private static boolean isAbandoned(long pid) {
        return pid == PID
                || ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty();
    }

    private static void discard(Path folder) {
        if (!Files.isDirectory(folder)) {
            return;
        }
        try {
            Files.walkFileTree(folder, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path dir, IOException e) throws IOException {
                    Files.delete(dir);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException | UncheckedIOException _) {
            // The next one that makes the same folder tries again.
        }
    }
}
