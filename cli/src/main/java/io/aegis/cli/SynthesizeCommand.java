package io.aegis.cli;

import io.aegis.models.checkpoint.Synthesis;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A checkpoint of random weights, to measure what real ones would cost. */
@Command(
        name = "synthesize",
        description = "Writes random weights in the layout, size and shards of a published model, to measure loading,"
                + " memory and speed. What such a model answers means nothing.",
        mixinStandardHelpOptions = true)
final class SynthesizeCommand implements Callable<Integer> {
    private static final double GIGA = 1e9;

    @Option(
            names = "--config",
            required = true,
            paramLabel = "NAME|FILE",
            description =
                    "bunny-llama3-8b, llava-1.5-7b, llama-3.2-1b, llama-3.2-3b, siglip-so400m, clip-l-336, bunny-tiny,"
                            + " llava-tiny, or the config.json of a model of these kinds")
    String config;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "the folder to make")
    Path out;

    @Option(
            names = "--dtype",
            description = "f16 (default), bf16 or f32; int8 or int4 for quantised matrices beside bf16",
            defaultValue = "F16")
    StoredForm dtype;

    @Option(names = "--seed", description = "of the random weights (default 0)")
    long seed;

    @Option(
            names = "--tokenizer",
            paramLabel = "PATH",
            description = "a tokenizer's file, or a folder with its files, to be copied into the folder")
    Path tokenizer;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() {
        Synthesis synthesis = dtype.of(Synthesis.config(config), seed);
        PrintWriter print = spec.commandLine().getOut();
        print.printf(
                Locale.ROOT,
                "%s: %d tensors of %s, %.2f GB, seed %d%n",
                config,
                synthesis.count(),
                dtype,
                synthesis.bytes() / GIGA,
                seed);
        print.flush();
        long began = System.nanoTime();
        synthesis.write(out, tokenizer, Tenths.of(print, synthesis.bytes()));
        double seconds = (System.nanoTime() - began) / GIGA;
        synthesis.files().forEach((name, bytes) -> print.printf(Locale.ROOT, "  %s  %.2f GB%n", name, bytes / GIGA));
        print.printf(Locale.ROOT, "wrote %s in %.1f s%n", out, seconds);
        print.flush();
        return 0;
    }
}
