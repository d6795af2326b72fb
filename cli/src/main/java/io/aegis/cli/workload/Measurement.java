package io.aegis.cli.workload;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

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
        for (int i = 0; i < plan.warmups; i++) {
            work.run();
        }
        double[] seconds = new double[plan.runs];
        long heap = allocated();
        long cpu = processorTime();
        for (int i = 0; i < plan.runs; i++) {
            long start = System.nanoTime();
            work.run();
            seconds[i] = (System.nanoTime() - start) / 1e9;
        }
        double processor = (processorTime() - cpu) / 1e9 / plan.runs;
        double bytes = (double) (allocated() - heap) / plan.runs;
        Arrays.sort(seconds);
        return new Measurement(seconds, plan.warmups, processor, bytes);
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
