package io.aegis.bench;

import com.sun.management.OperatingSystemMXBean;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Products with weights as checkpoints store them: float32, float16, bfloat16. Rows of a prompt in GFLOP/s; one row and
 * four, as in decoding, in GB/s of weights, beside plain reading of the same memory. Single rows walk through more than a
 * gigabyte of weights, so that no cache serves them.
 *
 * <p>Argument: how many repetitions, 5 by default. Processor time is printed beside wall time: on a shared machine it is
 * the one that can be trusted.
 */
public final class WeightBenchmark {
    private static final long BYTES = 5L << 28; // 1.25 GiB of weights
    private static final int[][] PROMPTS = {{729, 1152, 4304}, {512, 2048, 8192}, {64, 4096, 4096}};
    private static final int[] DECODE = {4096, 14336}; // a Llama's way down: out, in

    /** What reading gives, so that the compiler cannot leave it out. */
    private static volatile long sink;

    private WeightBenchmark() {}

    public static void main(String[] args) {
        int times = args.length > 0 ? Integer.parseInt(args[0]) : 5;
        Kernels k = Backends.best();
        k.choices().stream()
                .filter(c -> c.family().equals("matmul"))
                .forEach(c -> System.out.println(c.implementation()));
        for (int[] s : PROMPTS) {
            for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
                try (Arena arena = Arena.ofShared()) {
                    View x = random(arena, DType.F32, s[0], s[1]);
                    View w = random(arena, type, s[2], s[1]);
                    View y = View.allocate(arena, DType.F32, s[0], s[2]);
                    Time t = measure(times, () -> k.matmul().multiply(x, w.transpose(0, 1), y, Epilogue.NONE));
                    System.out.printf(
                            "%5dx%dx%d %-4s %6.0f GFLOP/s, %6.0f a processor second%n",
                            s[0],
                            s[1],
                            s[2],
                            type,
                            2e-9 * s[0] * s[1] * s[2] / t.wall,
                            2e-9 * s[0] * s[1] * s[2] / t.processor);
                }
            }
        }
        for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            try (Arena arena = Arena.ofShared()) {
                View memory = random(arena, type, BYTES / type.bytes());
                report(
                        "reading",
                        measure(times, () -> sink = read(memory.buffer().memory())));
                for (int rows : new int[] {1, 4}) {
                    View x = random(arena, DType.F32, rows, DECODE[1]);
                    View y = View.allocate(arena, DType.F32, rows, DECODE[0]);
                    report(
                            rows + (rows == 1 ? " row, " : " rows, ") + type,
                            measure(times, () -> decode(k, memory, x, y)));
                }
            }
        }
    }

    private static void report(String what, Time t) {
        System.out.printf(
                "%-14s %5.1f GB/s, %5.1f a processor second%n", what, BYTES / 1e9 / t.wall, BYTES / 1e9 / t.processor);
    }

    /** Rows times one matrix after the other, until all memory has been weights once. */
    private static void decode(Kernels k, View memory, View x, View y) {
        long size = (long) DECODE[0] * DECODE[1];
        for (long at = 0; at + size <= memory.elements(); at += size) {
            View w = memory.slice(0, at, at + size).reshape(DECODE[0], DECODE[1]);
            k.matmul().multiplyRows(x, w.transpose(0, 1), y, Epilogue.NONE);
        }
    }

    private static long read(MemorySegment m) {
        int parts = Runtime.getRuntime().availableProcessors();
        long step = BYTES / parts / 4096 * 4096;
        return IntStream.range(0, parts)
                .parallel()
                .mapToLong(i -> read(m, i * step, (int) step))
                .sum();
    }

    /** Four sums, and the compiler makes vectors of them. */
    private static long read(MemorySegment m, long from, int bytes) {
        long a = 0;
        long b = 0;
        long c = 0;
        long d = 0;
        for (int i = 0; i < bytes; i += 32) {
            a += m.get(ValueLayout.JAVA_LONG, from + i);
            b += m.get(ValueLayout.JAVA_LONG, from + i + 8);
            c += m.get(ValueLayout.JAVA_LONG, from + i + 16);
            d += m.get(ValueLayout.JAVA_LONG, from + i + 24);
        }
        return a + b + c + d;
    }

    private record Time(double wall, double processor) {}

    private static Time measure(int times, Runnable work) {
        work.run();
        work.run();
        double[] wall = new double[times];
        long before = processorTime();
        for (int i = 0; i < times; i++) {
            long start = System.nanoTime();
            work.run();
            wall[i] = (System.nanoTime() - start) / 1e9;
        }
        Arrays.sort(wall);
        return new Time(wall[times / 2], (processorTime() - before) / 1e9 / times);
    }

    private static long processorTime() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
    }

    /** Values as weights have them, a few thousand different ones repeated: zeros multiply faster, and prove nothing. */
    private static View random(Arena arena, DType type, long... shape) {
        View v = View.allocate(arena, type, shape);
        Random random = new Random(1);
        View pattern = View.allocate(arena, type, 1 << 15);
        for (int i = 0; i < pattern.elements(); i++) {
            pattern.setAt(i, 0.02 * random.nextGaussian());
        }
        MemorySegment to = v.buffer().memory();
        for (long at = 0; at < to.byteSize(); at += pattern.bytes()) {
            long n = Math.min(pattern.bytes(), to.byteSize() - at);
            MemorySegment.copy(pattern.buffer().memory(), ValueLayout.JAVA_BYTE, 0, to, ValueLayout.JAVA_BYTE, at, n);
        }
        return v;
    }
}
