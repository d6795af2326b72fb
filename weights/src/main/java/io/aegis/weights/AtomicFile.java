package io.aegis.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Replaces files as a whole: write a new one beside, sync it, rename it over the old one, sync the folder. At any
 * moment the name holds either the complete old content or the complete new one; a failure or a kill leaves the old.
 * What a killed process left beside its target is removed by the next write to the same target.
 */
public final class AtomicFile {
    private static final String SUFFIX = ".tmp";
    private static final long PID = ProcessHandle.current().pid();
    private static final AtomicLong COUNTER = new AtomicLong();

    /** Unfinished files of this process, so that a cleaning up in another thread spares them. */
    private static final Set<Path> UNFINISHED = ConcurrentHashMap.newKeySet();

    private AtomicFile() {}

    /**
     * Replaces (or creates) a file by what {@code content} writes. A symbolic link is followed. What {@code content}
     * throws, besides {@link IOException}, is passed on.
     *
     * @throws WeightsException when the file could not be written; the old one is unchanged and nothing is left beside
     */
    public static void write(Path target, IoConsumer<? super WritableByteChannel> content) {
        Path temporary = null;
        try {
            Path file = Files.isSymbolicLink(target) && Files.exists(target)
                    ? target.toRealPath()
                    : target.toAbsolutePath().normalize();
            if (Files.isDirectory(file)) {
                throw WeightsException.of(target, "is a folder, expected a file to write");
            }
            Path folder = file.getParent();
            removeAbandoned(folder, file.getFileName().toString());
            temporary = temporaryFor(folder, file.getFileName().toString());
            UNFINISHED.add(temporary);
            try (FileChannel channel =
                    FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
                content.accept(channel);
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            syncFolder(folder);
        } catch (IOException e) {
            String kept = Files.exists(target) ? "; the previous file is unchanged" : "";
            throw new WeightsException(target + ": could not be written: " + Reason.of(e) + kept, e);
        } finally {
            if (temporary != null) {
                discard(temporary);
                UNFINISHED.remove(temporary);
            }
        }
    }

    /** Replaces (or creates) a file by bytes. */
    public static void write(Path target, byte[] content) {
        write(target, channel -> writeFully(channel, ByteBuffer.wrap(content)));
    }

    /** Replaces (or creates) a file by text in UTF-8. */
    public static void write(Path target, String content) {
        write(target, content.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes all that remains; a channel may take less at once. */
    static void writeFully(WritableByteChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static Path temporaryFor(Path folder, String name) {
        return folder.resolve("." + name + "." + PID + "-" + COUNTER.incrementAndGet() + SUFFIX);
    }

    private static void removeAbandoned(Path folder, String name) throws IOException {
        String prefix = "." + name + ".";
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, entry -> {
            String n = entry.getFileName().toString();
            return n.startsWith(prefix) && n.endsWith(SUFFIX);
        })) {
            for (Path entry : entries) {
                String n = entry.getFileName().toString();
                String owner = n.substring(prefix.length(), n.length() - SUFFIX.length());
                if (owner.matches("\\d{1,18}-\\d+") && isAbandoned(entry, Long.parseLong(owner.split("-")[0]))) {
                    discard(entry);
                }
            }
        }
    }

    private static boolean isAbandoned(Path temporary, long pid) {
        // In a container the process before this one often had the same number.
        return pid == PID
                ? !UNFINISHED.contains(temporary)
                : ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty();
    }

    private static void discard(Path temporary) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException _) {
            // The next write to the same target tries again.
        }
    }

    private static void syncFolder(Path folder) {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException _) {
            // Windows cannot open folders, nor some network file systems sync them; the file itself is synced.
        }
    }
}
