package io.aegis.training.data;

import io.aegis.models.dadm.Modality;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which samples make a batch; nothing of them is loaded.
 *
 * @param position of the batch in the run; a checkpoint taken after its step stores the position that follows
 * @param rows in the order of the batch
 */
public record BatchPlan(Position position, List<Row> rows) {
    public BatchPlan {
        rows = List.copyOf(rows);
    }

    /**
     * One row of a batch.
     *
     * @param identity what randomness follows: {@code index}, plus the number of samples for each time that the sample
     *     appeared before in this epoch
     * @param index of the sample in its split
     * @param sample itself
     */
    public record Row(long identity, int index, Sample sample) {}

    /**
     * What makes something of one row: decodes its pictures, augments them.
     *
     * @param <P> what it makes
     */
    @FunctionalInterface
    public interface RowReader<P> {
        P read(Row row) throws Exception;
    }

    public int size() {
        return rows.size();
    }

    /** The identity of each row, [B]. */
    public long[] identities() {
        return rows.stream().mapToLong(Row::identity).toArray();
    }

    /**
     * Reads row after row.
     *
     * @throws DataException for the first row that fails, with its pictures' paths
     * @throws InterruptedException when the reader, or this thread, was interrupted
     */
    public <P> List<P> read(RowReader<P> reader) throws InterruptedException {
        List<P> read = new ArrayList<>(rows.size());
        for (Row row : rows) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            try {
                read.add(reader.read(row));
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) {
                throw new DataException(message(row.sample(), e), e);
            }
        }
        return read;
    }

    private static String message(Sample sample, Exception e) {
        String said = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        boolean named = Arrays.stream(Modality.values())
                .flatMap(m -> sample.picture(m).stream())
                .anyMatch(p -> said.contains(p.toString()));
        return named ? said : sample.describe() + ": " + said;
    }
}
