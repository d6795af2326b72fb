package io.aegis.cli.workload;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The times of one piece of work.
 *
 * @param seconds of each run, ascending
 * @param warmups runs before, which do not count
 * @param processor seconds of all threads, a run on average: beside other work it is the one that can be trusted
 * @param heapBytes allocated on the Java heap by all threads, a run on average
 */
public record Measurement(double[] seconds, int warmups, double processor, double heapBytes) {
    /** How often. */
    public record Plan(int warmups, int runs) {}

    /** Runs work, a few times before it counts. */
    public static Measurement of(Plan plan, Runnable work) {
        return inTurn(plan, List.of(work)).getFirst();
    }

    /** Runs several works in turn, so that what else the machine does meets them alike. */
    public static List<Measurement> inTurn(Plan plan, List<Runnable> works) {
        for (int i = 0; i < plan.warmups; i++) {
            works.forEach(Runnable::run);
        }
        int n = works.size();
        double[][] seconds = new double[n][plan.runs];
        double[] processor = new double[n];
        double[] heap = new double[n];
        for (int i = 0; i < plan.runs; i++) {
            for (int w = 0; w < n; w++) {
                long heapBefore = allocated();
                long processorBefore = processorTime();
                long start = System.nanoTime();
                works.get(w).run();
                seconds[w][i] = (System.nanoTime() - start) / 1e9;
                processor[w] += (processorTime() - processorBefore) / 1e9 / plan.runs;
                heap[w] += (double) (allocated() - heapBefore) / plan.runs;
            }
        }
        return IntStream.range(0, n)
                .mapToObj(w -> sorted(plan.warmups, processor[w], heap[w], seconds[w]))
                .toList();
    }

    /** Times that were taken elsewhere, in any order. */
    public static Measurement sorted(int warmups, double processor, double heapBytes, double... seconds) {
        double[] ascending = seconds.clone();
        Arrays.sort(ascending);
        return new Measurement(ascending, warmups, processor, heapBytes);
    }

    public double median() {
        int n = seconds.length;
        return (seconds[(n - 1) / 2] + seconds[n / 2]) / 2;
    }

    public double least() {
        return seconds[0];
    }

    public double most() {
        return seconds[seconds.length - 1];
    }

    public int runs() {
        return seconds.length;
    }

    private static long allocated() {
        return ManagementFactory.getPlatformMXBean(ThreadMXBean.class).getTotalThreadAllocatedBytes();
    }

    private static long processorTime() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
    }
}
