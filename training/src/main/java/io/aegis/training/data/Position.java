package io.aegis.training.data;

/**
 * A place in a run.
 *
 * @param epoch from 0
 * @param step within the epoch, from 0
 */
public record Position(long epoch, long step) {
    public static final Position START = new Position(0, 0);

    public Position {
        if (epoch < 0 || step < 0) {
            throw new DataException("epoch " + epoch + ", step " + step + "; expected numbers from 0");
        }
    }
}
