package io.aegis.layers;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.Collection;
import java.util.List;

/**
 * What a training pass changes on the host beside its kernels: batch norm's counts of batches, and the versions of its running
 * statistics. A recorded pass moves the statistics whenever it is launched; this makes the rest follow.
 */
public final class BatchCounts {
    private final List<Parameter> counters;
    private final List<Parameter> statistics;

    /** Of all the batch norms that some parameters, filled, are of. */
    public BatchCounts(Collection<Parameter> parameters) {
        List<Parameter> buffers = parameters.stream()
                .filter(p -> p.kind() == Parameter.Kind.BUFFER)
                .toList();
        counters = buffers.stream().filter(BatchCounts::counts).toList();
        statistics = buffers.stream().filter(p -> !counts(p)).toList();
    }

    private static boolean counts(Parameter p) {
        return p.view().dtype() == DType.I64;
    }

    /** The counts as they are. */
    public long[] values() {
        return counters.stream().mapToLong(p -> p.view().getLong()).toArray();
    }

    /** Puts back what {@link #values} gave. */
    public void restore(long[] values) {
        for (int i = 0; i < values.length; i++) {
            View count = counters.get(i).view();
            count.setLongAt(count.offset(), values[i]);
        }
    }

    /** Says that a training pass went through each of the batch norms once. */
    public void passed() {
        for (Parameter p : counters) {
            View count = p.view();
            count.setLongAt(count.offset(), count.getLong() + 1);
        }
        statistics.forEach(Parameter::changed);
    }
}
