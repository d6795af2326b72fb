package io.aegis.training.dadm;

import io.aegis.training.data.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where a run stands, apart from its tensors.
 *
 * @param next the batch that comes next; an update never spans a state that is saved
 * @param losses of the epoch so far
 * @param log of the epochs that are complete
 */
record RunState(Position next, LossMeans losses, List<EpochLog> log) {
    static final RunState START = new RunState(Position.START, LossMeans.NONE, List.of());

    RunState {
        log = List.copyOf(log);
    }

    /** One batch further. */
    RunState after(Position following, LossMeans sums) {
        return new RunState(following, sums, log);
    }

    /** The same place, an epoch having ended there. */
    RunState afterEpoch(EpochLog epoch) {
        List<EpochLog> longer = new ArrayList<>(log);
        longer.add(epoch);
        return new RunState(next, LossMeans.NONE, longer);
    }

    /** The best epoch so far. */
    Optional<EpochLog> best() {
        return log.stream().min(EpochLog.BEST_FIRST);
    }
}
