package io.aegis.kernels.cuda;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Cubins on disk, by key. A file is complete or not there: it is written beside, forced to disk and renamed, so any number
 * of processes may share a folder; two that need the same one at once both make it, and either's is right. What cannot be
 * trusted is deleted and made again; a folder that cannot be written costs a warning and the time to compile.
 */
final class CubinCache {
    private static final System.Logger LOG = System.getLogger(CubinCache.class.getName());
    private static final String SUFFIX = ".cubin";
    private static final String UNFINISHED = ".tmp";
    private static final Duration ABANDONED = Duration.ofHours(1);

    private final Path folder;
    private final Consumer<String> warn;
    private final AtomicBoolean warned = new AtomicBoolean();

    CubinCache(Path folder) {
        this(folder, line -> LOG.log(Level.WARNING, line));
    }

    /**
     * A cache that is told where to put its warnings, a line each.
     *
     * @param folder made when something is kept
     */
    CubinCache(Path folder, Consumer<String> warn) {
        this.folder = folder;
        this.warn = warn;
    }

    /** This user's. */
    static CubinCache ofUser() {
        return new CubinCache(UserCache.folder().resolve("cubin"));
    }

    Path folder() {
        return folder;
    }

    /** Whether there is a file for this key; its content is checked when it is used. */
    boolean has(String key) {
        return Files.isRegularFile(file(key));
    }

    /** The cubin of a key, made and kept when there is none. */
    Cubin get(String key, Supplier<Cubin> maker) {
        Path file = file(key);
        byte[] bytes = read(file);
        if (bytes != null) {
            try {
                return CubinFile.read(key, bytes);
            } catch (IOException e) {
                warn.accept(file + " is deleted and made again: " + e.getMessage());
                delete(file);
            }
        }
        Cubin made = maker.get();
        put(key, made);
        return made;
    }

    /** A file's bytes; null where there is none, or none that can be read. */
    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            LOG.log(Level.DEBUG, "not read: " + file, e);
            return null;
        }
    }

    private void put(String key, Cubin cubin) {
        try {
            Files.createDirectories(folder);
            Path beside = Files.createTempFile(folder, key, UNFINISHED);
            try {
                try (FileChannel out = FileChannel.open(beside, StandardOpenOption.WRITE)) {
                    ByteBuffer bytes = ByteBuffer.wrap(CubinFile.write(key, cubin));
                    while (bytes.hasRemaining()) {
                        out.write(bytes);
                    }
                    out.force(true);
                }
                Files.move(beside, file(key), StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(beside);
            }
            sweep();
        } catch (IOException e) {
            if (!warned.getAndSet(true)) {
                warn.accept("compiled kernels cannot be kept in " + folder + " (" + reason(e)
                        + "), so every start compiles them again; -D" + UserCache.PROPERTY
                        + "=DIR names another folder");
            }
        }
    }

    /** Clears what killed processes left. */
    private void sweep() throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(ABANDONED));
        try (Stream<Path> files = Files.list(folder)) {
            for (Path f : files.filter(f -> f.toString().endsWith(UNFINISHED)).toList()) {
                if (Files.exists(f) && Files.getLastModifiedTime(f).compareTo(old) < 0) {
                    Files.deleteIfExists(f);
                }
            }
        }
    }

    private void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            warn.accept(file + " cannot be deleted: " + reason(e));
        }
    }

    private static String reason(IOException e) {
        return e.getClass().getSimpleName() + " " + e.getMessage();
    }

    private Path file(String key) {
        return folder.resolve(key + SUFFIX);
    }
}
