package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** sequences.cuh in the emulator: every tile of every sequence has one slot, and no other slot is a tile. */
class SequencesTest {
    private static final Variant SLOTS = Variant.of("slots.cu");
    private static final int[] AWKWARD = {0, 1, 2, 63, 64, 65, 127, 128, 129, 192, 256, 300};

    private final Engine engine = CudaTwin.engine();

    /** A tile: its sequence and its place there; the sequence's rows, those of the other kind, and its first row. */
    private record Tile(int sequence, int tile, int rows, int others, int first) {}

    @ParameterizedTest
    @CsvSource({"64, 0", "64, 1", "128, 0", "128, 1"})
    void everyTileHasOneSlot(int size, int ofKeys) {
        Random random = new Random(5);
        for (int round = 0; round < 60; round++) {
            int count = random.nextInt(9);
            long[] own = offsets(random, count);
            long[] others = offsets(random, count);
            int rows = (int) own[count] + random.nextInt(200);
            int otherRows = (int) others[count] + random.nextInt(200);
            assertThat(found(size, ofKeys, own, rows, others, otherRows))
                    .as("offsets %s of %d rows", own, rows)
                    .containsExactlyElementsOf(expected(size, own, rows, others));
        }
    }

    private static long[] offsets(Random random, int count) {
        long[] offsets = new long[count + 1];
        for (int i = 0; i < count; i++) {
            offsets[i + 1] = offsets[i] + AWKWARD[random.nextInt(AWKWARD.length)];
        }
        return offsets;
    }

    private static List<Tile> expected(int size, long[] own, int rows, long[] others) {
        List<Tile> all = new ArrayList<>();
        for (int s = 0; s < own.length; s++) {
            boolean last = s == own.length - 1;
            int length = (int) ((last ? rows : own[s + 1]) - own[s]);
            int other = last ? 0 : (int) (others[s + 1] - others[s]);
            for (int tile = 0; tile * size < length; tile++) {
                all.add(new Tile(s, tile, length, other, (int) own[s]));
            }
        }
        return all;
    }

    private List<Tile> found(int size, int ofKeys, long[] own, int rows, long[] others, int otherRows) {
        int slots = rows / size + own.length;
        long out = engine.allocate(slots * 24L);
        boolean keys = ofKeys == 1;
        Arguments a = Arguments.begin()
                .pointer(upload(keys ? others : own))
                .pointer(upload(keys ? own : others))
                .i32(own.length - 1)
                .i32(keys ? otherRows : rows)
                .i32(keys ? rows : otherRows)
                .i32(0)
                .pointer(out)
                .i32(size)
                .i32(ofKeys);
        engine.launch(engine.kernel(SLOTS, "slots"), Engine.Grid.of(slots, 32), a.packed());
        int[] got = new int[slots * 6];
        engine.download(out, MemorySegment.ofArray(got));
        List<Tile> all = new ArrayList<>();
        for (int i = 0; i < got.length; i += 6) {
            if (got[i] != 0) {
                all.add(new Tile(got[i + 1], got[i + 2], got[i + 3], got[i + 4], got[i + 5]));
            }
        }
        return all;
    }

    private long upload(long[] numbers) {
        MemorySegment from = MemorySegment.ofArray(numbers);
        long address = engine.allocate(from.byteSize());
        engine.upload(from, address);
        return address;
    }
}
