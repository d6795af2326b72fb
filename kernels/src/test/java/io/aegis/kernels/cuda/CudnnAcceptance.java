package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.cuda.CudnnAttentionGraph.Layout;
import io.aegis.kernels.cuda.CudnnAttentionGraph.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * A process of {@link CudnnTest}: the installed cuDNN says of every graph how many of its configurations would compute it on an H200. It
 * is not in the process of the tests, since cuDNN wants a libcuda and ends the process where it lacks something.
 */
final class CudnnAcceptance {
    /** What cuDNN writes of a device, of an H200; the keys are those that 9.24 asks for. */
    private static final String H200 = """
            {"deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0, "totalGlobalMem": 150000000000, "deviceName": "NVIDIA H200",
             "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
             "multiProcessorCount": 132, "smCountOrigin": 0, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
             "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
             "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
             "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "l2CacheSize": 62914560}
            """;

    private CudnnAcceptance() {}

    /** B, Hq, Hkv, N, M, D: the bench's, awkward ones, and one whose columns no engine takes. */
    private static final int[][] SIZES = {
        {4, 16, 16, 4096, 4096, 128},
        {4, 32, 32, 4096, 4096, 64},
        {4, 16, 16, 4096, 4096, 72},
        {32, 16, 16, 729, 729, 72},
        {64, 12, 12, 197, 197, 64},
        {1, 32, 8, 1522, 1522, 128},
        {1, 1, 1, 9, 9, 8},
        {2, 4, 2, 70, 65, 40},
        {1, 2, 2, 33, 33, 20},
    };

    public static void main(String[] args) throws Exception {
        Cudnn.Found found = Cudnn.find(args[0]);
        if (found.library() == null) {
            System.out.println("missing " + found.reason());
            return;
        }
        try (Cudnn cudnn = found.library()) {
            System.out.println("version " + cudnn.versionText());
            cudnn.describeDevice(H200);
            for (DType type : List.of(DType.BF16, DType.F16)) {
                for (int[] n : SIZES) {
                    for (Shape shape : shapes(type, n)) {
                        int able = CudnnPlan.configurations(cudnn, CudnnAttentionGraph.of(shape));
                        System.out.println("able " + (n[5] % 8 == 0) + " " + able + " " + shape);
                    }
                }
            }
        }
    }

    private static List<Shape> shapes(DType type, int[] n) {
        List<Shape> all = new ArrayList<>();
        for (boolean causal : n[3] == n[4] ? new boolean[] {false, true} : new boolean[] {false}) {
            for (boolean choice : new boolean[] {false, true}) {
                all.add(shape(type, n, false, causal, choice, true));
                all.add(shape(type, n, true, causal, true, choice));
            }
        }
        return all;
    }

    private static Shape shape(DType type, int[] n, boolean backward, boolean causal, boolean lse, boolean ordered) {
        // Heads lie inside rows, as projections leave them; gradients of keys lie head by head.
        Layout queries = layout(n[0], n[1], (long) n[3] * n[1] * n[5], n[5], (long) n[1] * n[5]);
        Layout keys = layout(n[0], n[2], (long) n[4] * n[2] * n[5], n[5], (long) n[2] * n[5]);
        Layout dense = layout(n[0], n[2], (long) n[2] * n[4] * n[5], (long) n[4] * n[5], n[5]);
        List<Layout> layouts = backward
                ? List.of(queries, keys, keys, queries, queries, queries, dense, dense)
                : List.of(queries, keys, keys, queries);
        return new Shape(backward, type, n[0], n[1], n[2], n[3], n[4], n[5], causal, lse, ordered, layouts);
    }

    /** A dimension of one element has the stride that a call gives it. */
    private static Layout layout(int b, int heads, long batch, long head, long row) {
        return CudnnAttention.layout(8, b > 1 ? batch : 0, heads > 1 ? head : 0, row);
    }
}
