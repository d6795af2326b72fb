package io.aegis.models.faceshield;

import io.aegis.models.llama.CacheFullException;
import io.aegis.models.llama.PagePool;
import io.aegis.models.llama.PagedCache;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * What the language model has read of prompts that are answered at the same time: in the same {@link PromptPieces} as by {@link
 * PromptReader}, so to the same bits, but each prompt in a cache of its own, a fork of the piece up to the picture's end that
 * was read last. Questions about one picture that follow each other so share what it takes.
 */
final class SharedPrompts implements AutoCloseable {
    private final PromptPieces pieces;
    private final PagePool pool;

    /** Of which picture, and of which of its tokens, {@link #piece} is; null while there is none. */
    private Examination about;

    private int[] shown;
    private PagedCache piece;

    /** What reading it took and no prompt has accounted for: a prompt that finds no room behind it asks again. */
    private double seconds;

    private long tokens;

    SharedPrompts(PromptPieces pieces, PagePool pool) {
        this.pieces = pieces;
        this.pool = pool;
    }

    /**
     * Reads a prompt into a cache that is the caller's to close.
     *
     * @param room tokens that will be said behind it
     * @throws CacheFullException when there are no pages for it and what will be said
     * @throws CancellationException when it was cancelled
     */
    PromptReader.Read read(
            Examination examination,
            long[] ids,
            RankedTokens ranked,
            Sequence s,
            long room,
            BooleanSupplier cancelled) {
        long start = System.nanoTime();
        readPicture(examination, ids, ranked.kept().places(), s, cancelled);
        seconds += Examination.secondsSince(start);
        PagedCache own = piece.fork();
        try {
            int rest = s.length() - s.prefix();
            own.reserve(rest + room);
            long then = System.nanoTime();
            double[] logits = pieces.readRest(s, own, cancelled);
            PromptReader.Read read = new PromptReader.Read(
                    own,
                    ranked.selection(),
                    ids,
                    logits,
                    own.length(),
                    s.next(),
                    seconds + Examination.secondsSince(then),
                    tokens + rest);
            seconds = 0;
            tokens = 0;
            return read;
        } catch (RuntimeException | Error e) {
            own.close();
            throw e;
        }
    }

    private void readPicture(Examination examination, long[] ids, int[] kept, Sequence s, BooleanSupplier cancelled) {
        if (about == examination && Arrays.equals(shown, kept)) {
            return;
        }
        close(); // those who read on from it have what they need
        PagedCache read = examination.reader().copied(kept, pool);
        if (read == null) {
            read = new PagedCache(pool);
            try {
                read.reserve(s.prefix());
                tokens += pieces.readPicture(ids, s, read, cancelled);
            } catch (RuntimeException | Error e) {
                read.close();
                throw e;
            }
        }
        piece = read;
        about = examination;
        shown = kept;
    }

    /** Gives up what was read of a picture. */
    @Override
    public void close() {
        if (piece != null) {
            piece.close();
        }
        piece = null;
        about = null;
        shown = null;
    }
}
