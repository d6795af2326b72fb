package io.aegis.cli;

import io.aegis.kernels.Backends;
import io.aegis.training.memory.Bytes;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.Workspace;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How much training may hold. */
final class MemoryOptions {
    @Option(
            names = "--memory",
            paramLabel = "AMOUNT",
            description =
                    "such as 26GB: most that training may hold, on the device; a FaceShield computes as few blocks again"
                            + " as fit, and what cannot fit does not begin. Default: all there is")
    String memory;

    /**
     * What was asked for, in bytes; 0 where nothing was.
     *
     * @throws io.aegis.training.TrainingException for what is no amount
     */
    long bytes() {
        return memory == null ? 0 : Bytes.parse(memory);
    }

    /** What a plan is held against; empty for a GPU of which only a budget tells how much there is: nobody opens it for a plan. */
    Optional<MemoryBudget> known(Workspace device) {
        return memory != null || device == Workspace.PROCESSOR
                ? Optional.of(MemoryBudget.of(bytes(), Backends.best()))
                : Optional.empty();
    }
}
