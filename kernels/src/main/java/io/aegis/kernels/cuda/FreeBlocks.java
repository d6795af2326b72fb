package io.aegis.kernels.cuda;

import java.util.ArrayDeque;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/** Addresses of blocks that nobody uses, by size; the one given last is taken first. Not thread-safe. */
final class FreeBlocks {
    private final Map<Long, ArrayDeque<Long>> bySize = new TreeMap<>();

    /** A block of exactly this size, or 0 when there is none. */
    long take(long size) {
        ArrayDeque<Long> same = bySize.get(size);
        return same == null || same.isEmpty() ? 0 : same.pop();
    }

    void give(long address, long size) {
        bySize.computeIfAbsent(size, s -> new ArrayDeque<>()).push(address);
    }

    /** Of all that are here. */
    long bytes() {
        return bySize.entrySet().stream()
                .mapToLong(e -> e.getKey() * e.getValue().size())
                .sum();
    }

    /** Takes everything that another has. */
    void giveAll(FreeBlocks other) {
        other.bySize.forEach((size, addresses) -> addresses.forEach(a -> give(a, size)));
        other.bySize.clear();
    }

    /** Takes every block out. */
    void clear(LongConsumer each) {
        bySize.values().forEach(addresses -> addresses.forEach(each::accept));
        bySize.clear();
    }
}
