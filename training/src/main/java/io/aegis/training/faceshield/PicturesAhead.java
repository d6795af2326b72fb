package io.aegis.training.faceshield;

import io.aegis.image.Image;
import io.aegis.image.ImageException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Reads pictures in order, each while the one before it is looked at: files and decoding cost a model on a GPU nothing so. One
 * picture is held besides the one handed out. For one thread.
 */
final class PicturesAhead implements AutoCloseable {
    private final Iterator<Path> files;
    private FutureTask<Image> next;
    private Thread reader;

    /** Starts with the first. */
    PicturesAhead(Iterator<Path> files) {
        this.files = files;
        begin();
    }

    private void begin() {
        next = null;
        if (files.hasNext()) {
            Path file = files.next();
            next = new FutureTask<>(() -> Pictures.read(file));
            reader = Thread.ofPlatform().daemon().name("aegis-picture").start(next);
        }
    }

    /**
     * The next picture.
     *
     * @throws ImageException when it cannot be read; the one after it can still be taken
     * @throws NoSuchElementException when there is none
     */
    Image next() {
        if (next == null) {
            throw new NoSuchElementException("no more pictures");
        }
        Image picture;
        try {
            picture = next.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while a picture was read");
        } catch (ExecutionException e) {
            begin();
            switch (e.getCause()) {
                case RuntimeException r -> throw r;
                case Error r -> throw r;
                default -> throw new IllegalStateException(e.getCause());
            }
        }
        begin();
        return picture;
    }

    /** Waits until nothing is read any more: the files are then the caller's again. */
    @Override
    public void close() {
        boolean interrupted = false;
        while (reader != null && reader.isAlive()) {
            try {
                reader.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
