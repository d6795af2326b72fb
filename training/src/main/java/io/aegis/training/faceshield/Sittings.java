package io.aegis.training.faceshield;

import io.aegis.image.Image;
import io.aegis.image.ImageException;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.Inquiry;
import io.aegis.models.faceshield.Reply;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * Pictures that come before a model one after the other, each with its questions and perhaps its score: what {@link
 * FaceShield#answer} asks for next. A picture is opened when its first question is wanted, and closed when its last is done.
 */
final class Sittings implements Iterator<Inquiry>, AutoCloseable {
    private final FaceShield shield;
    private final Iterator<Sitting> pictures;
    private final Deque<Inquiry> ready = new ArrayDeque<>();
    private final Set<Examination> open = new HashSet<>();

    /** One picture's. */
    interface Sitting {
        /**
         * The picture.
         *
         * @throws ImageException when it cannot be read
         */
        Image read();

        /** What is to be asked about it; all can be. */
        List<String> questions();

        boolean isScored();

        /** The answer to one of the questions. */
        void answered(int question, Reply reply, Examination about);

        void scored(double score);

        /** It is as good as done. */
        void unreadable(ImageException e);

        /** Everything is done. */
        void done();
    }

    Sittings(FaceShield shield, Iterator<Sitting> pictures) {
        this.shield = shield;
        this.pictures = pictures;
    }

    @Override
    public boolean hasNext() {
        while (ready.isEmpty() && pictures.hasNext()) {
            sit(pictures.next());
        }
        return !ready.isEmpty();
    }

    @Override
    public Inquiry next() {
        return ready.remove();
    }

    private void sit(Sitting sitting) {
        int[] left = {sitting.questions().size() + (sitting.isScored() ? 1 : 0)};
        Image picture;
        try {
            picture = sitting.read();
        } catch (ImageException e) {
            sitting.unreadable(e);
            left[0] = 0;
            picture = null;
        }
        if (left[0] == 0) {
            sitting.done();
            return;
        }
        Examination about = shield.examine(picture);
        open.add(about);
        Runnable oneDone = () -> {
            if (--left[0] == 0) {
                open.remove(about);
                about.close();
                sitting.done();
            }
        };
        for (int i = 0; i < sitting.questions().size(); i++) {
            int question = i;
            ready.add(
                    new Inquiry.Question(about, sitting.questions().get(i), shield.generation(), text -> {}, reply -> {
                        sitting.answered(question, reply, about);
                        oneDone.run();
                    }));
        }
        if (sitting.isScored()) {
            ready.add(new Inquiry.Score(about, scores -> {
                sitting.scored(scores.score());
                oneDone.run();
            }));
        }
    }

    /** Closes the pictures that are not done. */
    @Override
    public void close() {
        open.forEach(Examination::close);
        open.clear();
    }
}
