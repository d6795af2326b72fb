package io.aegis.cli;

import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.MergedCheckpoint;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A model that needs its adapter no more. */
@Command(
        name = "merge",
        description =
                "Adds a low-rank adapter (PEFT's files) to the weights of its base, and writes a model folder of the"
                        + " same layout, types and shards.",
        mixinStandardHelpOptions = true)
final class MergeCommand implements Callable<Integer> {
    private static final double GIGA = 1e9;

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "the base: config.json and weights")
    Path model;

    @Option(
            names = "--adapter",
            required = true,
            paramLabel = "DIR",
            description = "the adapter: adapter_config.json and its weights")
    Path adapter;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "the folder to make")
    Path out;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter print = spec.commandLine().getOut();
        try (Adapter opened = Adapter.open(adapter);
                MergedCheckpoint merged = MergedCheckpoint.of(model, opened)) {
            long began = System.nanoTime();
            merged.write(out, Tenths.of(print, merged.bytes()));
            print.printf(
                    Locale.ROOT,
                    "%d tensors changed, %.2f GB written to %s in %.1f s%n",
                    merged.count(),
                    merged.bytes() / GIGA,
                    out,
                    (System.nanoTime() - began) / GIGA);
            print.flush();
        }
        return 0;
    }
}
