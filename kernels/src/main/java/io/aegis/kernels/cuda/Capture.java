package io.aegis.kernels.cuda;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a graph uses, as it is found out while it is recorded: blocks of memory that are its own, and the buffers around it,
 * whose two copies every launch has to keep apart. A buffer that came and went while it was recorded lies in the graph's blocks.
 */
final class Capture {
    private final FreeBlocks blocks;
    private final Map<Residence, Use> uses = new IdentityHashMap<>();

    /** A buffer that the graph reads or, perhaps, writes. */
    private static final class Use {
        private final Residence residence;
        private final long address;
        private boolean written;

        Use(Residence residence, long address) {
            this.residence = residence;
            this.address = address;
        }
    }

    /** @param blocks of the graph, those that are free */
    Capture(FreeBlocks blocks) {
        this.blocks = blocks;
    }

    /** Those of its blocks that are free. */
    FreeBlocks blocks() {
        return blocks;
    }

    void uses(Residence residence, long address) {
        uses.computeIfAbsent(residence, r -> new Use(r, address));
    }

    void writes(Residence residence) {
        uses.get(residence).written = true;
    }

    /** A block of its own is given back: whoever was there came and went. */
    void forget(long address) {
        uses.values().removeIf(u -> u.address == address);
    }

    /**
     * The graph as it may be launched.
     *
     * @param closed told once
     */
    Engine.Graph of(Engine.Graph graph, Runnable closed) {
        List<Use> all = List.copyOf(uses.values());
        return new Engine.Graph() {
            private boolean isClosed;

            @Override
            public void launch() {
                all.forEach(u -> u.residence.replay(u.address, u.written));
                graph.launch();
            }

            @Override
            public void close() {
                if (!isClosed) {
                    isClosed = true;
                    graph.close();
                    closed.run();
                }
            }
        };
    }
}
