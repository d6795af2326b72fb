package io.aegis.models.checkpoint;

import io.aegis.kernels.Philox;
import io.aegis.weights.IoConsumer;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.TensorSource;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Random tensors, made by all processors while earlier pieces are written. Every element depends on the seed, its
 * tensor's name and its index alone: 16 bits of Philox choose one of 65,536 evenly spaced values.
 */
final class RandomTensors implements TensorSource, AutoCloseable {
    /** Elements of a piece; a multiple of what a block of Philox yields. */
    private static final long PIECE = 4 << 20;

    private static final int PER_BLOCK = 8;
    private static final int VALUES = 1 << 16;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Mean and standard deviation of a tensor's elements, which are uniform. */
    record Spread(double mean, double deviation) {}

    private final long seed;
    private final Function<TensorInfo, Spread> spreads;
    private final LongConsumer progress;
    private final int threads = Runtime.getRuntime().availableProcessors();
    private final ExecutorService workers = Executors.newFixedThreadPool(threads, work -> {
        Thread t = new Thread(work, "random-tensors");
        t.setDaemon(true);
        return t;
    });
    private final Arena arena = Arena.ofShared();
    private final ArrayDeque<MemorySegment> free = new ArrayDeque<>();
    private long written;

    RandomTensors(long seed, Function<TensorInfo, Spread> spreads, LongConsumer progress) {
        this.seed = seed;
        this.spreads = spreads;
        this.progress = progress;
        for (int i = 0; i < 2 * threads; i++) {
            free.add(arena.allocate(PIECE * Long.BYTES / 2, Long.BYTES));
        }
    }

    @Override
    public void write(TensorInfo tensor, IoConsumer<MemorySegment> sink) throws IOException {
        int[] values = values(tensor.dtype(), spreads.apply(tensor));
        long element = tensor.dtype().bits() / 8;
        long count = tensor.elements();
        ArrayDeque<Future<MemorySegment>> ahead = new ArrayDeque<>();
        long asked = 0;
        try {
            for (long at = 0; at < count; at += PIECE) {
                while (asked < count && !free.isEmpty()) {
                    MemorySegment into = free.remove();
                    long from = asked;
                    long length = Math.min(PIECE, count - from);
                    ahead.add(workers.submit(
                            () -> fill(into, length, from, tensor.name().hashCode(), values, element)));
                    asked += PIECE;
                }
                MemorySegment piece = finished(ahead.remove());
                sink.accept(piece.asSlice(0, Math.min(PIECE, count - at) * element));
                free.add(piece);
                written += Math.min(PIECE, count - at) * element;
                progress.accept(written);
            }
        } finally {
            for (Future<MemorySegment> rest : ahead) {
                free.add(finished(rest));
            }
        }
    }

    private static MemorySegment finished(Future<MemorySegment> piece) throws IOException {
        try {
            return piece.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while making random weights");
        } catch (ExecutionException e) {
            throw new IllegalStateException("random weights could not be made", e.getCause());
        }
    }

    /** All values of a tensor, as bits of its type. */
    private static int[] values(StoredType dtype, Spread spread) {
        int[] out = new int[VALUES];
        double width = spread.deviation * Math.sqrt(12);
        for (int i = 0; i < VALUES; i++) {
            float v = (float) (spread.mean + width * ((i + 0.5) / VALUES - 0.5));
            out[i] = switch (dtype) {
                case F16 -> Float.floatToFloat16(v) & 0xffff;
                case BF16 -> (Float.floatToIntBits(v) + 0x8000) >>> 16;
                case F32 -> Float.floatToIntBits(v);
                // Codes of quantised matrices, all equally frequent.
                case I8 -> (i * 255 >>> 16) - 127 & 0xff;
                case U8 -> i >>> 8;
                default -> throw new IllegalArgumentException(dtype + " is no type of weights");
            };
        }
        return out;
    }

    private MemorySegment fill(MemorySegment into, long length, long from, int name, int[] values, long element) {
        int[] c = new int[4];
        long at = 0;
        for (long i = 0; i < length; i += PER_BLOCK) {
            long block = (from + i) / PER_BLOCK;
            c[0] = (int) block;
            c[1] = (int) (block >>> 32);
            c[2] = name;
            c[3] = 0;
            Philox.block(seed, c);
            if (element == 2) {
                into.set(LONG, at, four(c[0], c[1], values));
                into.set(LONG, at + 8, four(c[2], c[3], values));
                at += 16;
            } else if (element == 1) {
                into.set(LONG, at, four(c[0], c[1], values) | four(c[2], c[3], values) << 8);
                at += 8;
            } else {
                for (int word : c) {
                    into.set(LONG, at, two(word, values));
                    at += 8;
                }
            }
        }
        return into;
    }

    private static long four(int a, int b, int[] values) {
        return values[a & 0xffff]
                | (long) values[a >>> 16] << 16
                | (long) values[b & 0xffff] << 32
                | (long) values[b >>> 16] << 48;
    }

    private static long two(int word, int[] values) {
        return values[word & 0xffff] & 0xffffffffL | (long) values[word >>> 16] << 32;
    }

    @Override
    public void close() {
        workers.shutdownNow();
        try {
            workers.awaitTermination(1, TimeUnit.MINUTES);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        arena.close();
    }
}
