package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/** Finds out what a directory of reference values is, and compares it. */
public final class Verification {
    private Verification() {}

    /**
     * How to compute.
     *
     * @param kernels which kernels
     * @param dtype of parameters and activations
     */
    public record Computing(Kernels kernels, DType dtype) {}

    /**
     * Compares everything in a directory and prints the table.
     *
     * @param all print every row, not only those that are wrong
     * @return exit status: 0 all right, 1 something differs, 2 something could not be compared
     * @throws WeightsException when it is no directory of reference values that this project knows
     */
    public static int run(Path directory, Computing computing, PrintWriter out, boolean all) throws IOException {
        Rows rows = of(directory, computing);
        rows.print(out, all);
        return rows.exitCode();
    }

    /**
     * Compares everything in a directory.
     *
     * @throws WeightsException when it is no directory of reference values that this project knows
     */
    static Rows of(Path directory, Computing computing) throws IOException {
        if (!Files.isDirectory(directory)) {
            throw new WeightsException(directory + " is not a directory");
        }
        Rows rows = new Rows(Tolerances.of(directory));
        if (Files.exists(directory.resolve("config.json"))) {
            ConfigJson config = ConfigJson.read(directory);
            String type = config.text("model_type");
            if (!type.equals("dadm")) {
                throw new WeightsException(directory + ": reference values of '" + type
                        + "' cannot be compared yet; dadm and preprocess directories can");
            }
            try (Golden golden = new Golden(directory)) {
                new DadmVerification(golden, config, computing, rows).run();
                for (String file : golden.files()) {
                    for (String key : golden.keys(file)) {
                        if (!file.equals("weights") && !file.equals("inputs")) {
                            rows.notCompared(file + ":" + key, "nothing of ours was compared with it");
                        }
                    }
                }
            }
            return rows;
        }
        throw new WeightsException(directory + ": neither config.json nor picture references; nothing to compare");
    }
}
