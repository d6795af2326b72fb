package io.aegis.training.report;

import io.aegis.weights.AtomicFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A picture made of numbers. */
public sealed interface Chart permits LineChart, RocChart, Histogram {
    /** What stands above it. */
    String title();

    /**
     * The chart as an SVG element: well-formed, without scripts, fonts or links, legible on light and dark pages; it
     * may stand alone in a file or inside an HTML page.
     */
    String svg();

    /**
     * Writes the chart to a file, whole or not at all.
     *
     * @throws io.aegis.weights.WeightsException when it cannot be written; what stood there before is then still there
     */
    default void write(Path file) {
        AtomicFile.write(file, svg().getBytes(StandardCharsets.UTF_8));
    }
}
