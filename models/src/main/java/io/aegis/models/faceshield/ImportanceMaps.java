package io.aegis.models.faceshield;

import io.aegis.models.HeatValues;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Token importance as maps over the picture. */
public final class ImportanceMaps {
    private ImportanceMaps() {}

    /**
     * S of a question, one map G x G a stream. All are divided by the greatest value of all, after the least was taken
     * away: S is nearly even, its greatest at most e^2 times its least.
     */
    public static List<HeatValues> of(Selection selection) {
        double[] s = selection.importance();
        double least = Arrays.stream(s).min().orElse(0);
        double range = Arrays.stream(s).max().orElse(0) - least;
        return maps(selection, i -> range > 0 ? (s[i] - least) / range : 0);
    }

    /** 1 where a token is kept and 0 where it is masked, one map a stream. */
    public static List<HeatValues> kept(Selection selection) {
        int[] kept = selection.kept();
        return maps(selection, i -> Arrays.binarySearch(kept, i) >= 0 ? 1 : 0);
    }

    private interface OfToken {
        double value(int token);
    }

    private static List<HeatValues> maps(Selection selection, OfToken of) {
        int n = selection.tokens() / selection.streams();
        int grid = (int) Math.round(Math.sqrt(n));
        return IntStream.range(0, selection.streams())
                .mapToObj(stream -> {
                    float[] values = new float[n];
                    for (int i = 0; i < n; i++) {
                        values[i] = (float) of.value(stream * n + i);
                    }
                    return new HeatValues(grid, grid, values);
                })
                .toList();
    }
}
