package io.aegis.models.llama;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * Questions that are answered together: up to some number of them take each step in one pass through the network, and as soon
 * as one ends the next that waits begins (Yu et al., OSDI 2022, "iteration-level scheduling"). They begin in order; one that
 * finds no room waits, and those behind it with it. Nobody is interrupted for want of room.
 */
final class ContinuousBatch {
    private final Generator generator;
    private final Iterator<? extends Turn> waiting;
    private final int most;
    private final BooleanSupplier cancelled;
    private final List<Live> live = new ArrayList<>();

    /** Taken from those that wait, and not begun for want of room; else null. */
    private Turn next;

    private static final class Live {
        final Turn turn;
        final Answer answer;
        double seconds;

        Live(Turn turn, Answer answer) {
            this.turn = turn;
            this.answer = answer;
        }
    }

    ContinuousBatch(Generator generator, Iterator<? extends Turn> waiting, int most, BooleanSupplier cancelled) {
        if (most < 1) {
            throw new IllegalArgumentException(most + " questions at once, expected at least 1");
        }
        this.generator = generator;
        this.waiting = waiting;
        this.most = most;
        this.cancelled = cancelled;
    }

    void run() {
        try (Decoder decoder = generator.decoder()) {
            while (admit()) {
                step(decoder);
            }
        } finally {
            live.forEach(l -> l.answer.cache().close());
        }
    }

    /** Lets questions in while there is room; false when there is nothing more to do. */
    private boolean admit() {
        try {
            while (!Generator.isCancelled(cancelled) && live.size() < most && (next != null || waiting.hasNext())) {
                if (!begin()) {
                    break;
                }
            }
        } catch (CancellationException _) {
            cancel();
        }
        if (Generator.isCancelled(cancelled)) {
            cancel();
        }
        return !live.isEmpty();
    }

    /** Lets the next question in; false when it has to wait. */
    private boolean begin() {
        if (next == null) {
            next = waiting.next();
        }
        Optional<Generator.Start> start;
        try {
            start = next.begin();
        } catch (CacheFullException e) {
            if (live.isEmpty()) {
                throw e; // nobody will ever make room
            }
            return false;
        }
        Turn turn = next;
        next = null;
        start.ifPresent(s -> goOn(turn, s));
        return true;
    }

    private void goOn(Turn turn, Generator.Start start) {
        Live l;
        try {
            l = new Live(turn, generator.begun(start, turn.options()));
        } catch (RuntimeException | Error e) {
            start.cache().close();
            throw e;
        }
        live.add(l);
        l.answer.choose(start.logits());
        retire();
    }

    private void step(Decoder decoder) {
        long start = System.nanoTime();
        Generator.step(decoder, live.stream().map(l -> l.answer).toList());
        double share = (System.nanoTime() - start) / 1e9 / live.size();
        live.forEach(l -> l.seconds += share);
        retire();
    }

    private void cancel() {
        live.forEach(l -> l.answer.cancel());
        retire();
    }

    /** Those whose answers have ended make room, and hear of it. */
    private void retire() {
        for (Live l : List.copyOf(live)) {
            if (l.answer.hasEnded()) {
                live.remove(l);
                l.answer.cache().close();
                l.turn.end(l.answer.result(), l.seconds);
            }
        }
    }
}
