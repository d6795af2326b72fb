package io.aegis.cli.bench;

import io.aegis.cli.workload.LlamaWorkload;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;

/**
 * A Llama that is ready to be measured, with the memory that it lives in.
 *
 * @param name for reports
 * @param config its sizes
 * @param work what it can do
 * @param weightBytes of the matrices that one token reads
 */
public record LanguageModel(
        String name,
        LlamaConfig config,
        LlamaWorkload work,
        double weightBytes,
        Parameters parameters,
        AutoCloseable memory)
        implements AutoCloseable {
    /** Random weights of a known shape. */
    public static LanguageModel random(Kernels kernels, String shape, WeightType type) {
        LlamaConfig config = Shapes.LANGUAGE.get(shape);
        Operands operands = new Operands(kernels);
        Parameters parameters = new Parameters();
        try {
            LlamaNetwork network = new LlamaNetwork(parameters, config).frozen();
            RandomWeights.fill(parameters, operands, type);
            return new LanguageModel(
                    shape + ", " + type, config, new LlamaWorkload(network), bytes(config, type), parameters, operands);
        } catch (RuntimeException | Error e) {
            parameters.close();
            operands.close();
            throw e;
        }
    }

    /** A checkpoint's language model, its weights as they are stored. */
    public static LanguageModel open(Path folder) {
        VisionLanguageCheckpoint checkpoint = VisionLanguageCheckpoint.open(folder);
        Parameters parameters = new Parameters();
        try {
            LlamaConfig config = checkpoint
                    .config()
                    .language()
                    .orElseThrow(() -> new WeightsException(folder + ": holds no language model"));
            LlamaNetwork network = new LlamaNetwork(parameters.at("llm"), config).frozen();
            checkpoint.load(parameters);
            return new LanguageModel(
                    folder.toString(),
                    config,
                    new LlamaWorkload(network),
                    stored(checkpoint, parameters, config),
                    parameters,
                    checkpoint);
        } catch (RuntimeException | Error e) {
            parameters.close();
            checkpoint.close();
            throw e;
        }
    }

    /** Bytes of a folder's matrices that one token of its language model reads. */
    static double stored(Path folder) {
        try (VisionLanguageCheckpoint checkpoint = VisionLanguageCheckpoint.open(folder);
                Parameters parameters = new Parameters()) {
            LlamaConfig config = checkpoint
                    .config()
                    .language()
                    .orElseThrow(() -> new WeightsException(folder + ": holds no language model"));
            new LlamaNetwork(parameters.at("llm"), config);
            return stored(checkpoint, parameters, config);
        }
    }

    private static double stored(VisionLanguageCheckpoint checkpoint, Parameters parameters, LlamaConfig config) {
        return parameters.names(checkpoint.tensors()::has).stream()
                .filter(n -> config.tied() || !n.contains("embed_tokens"))
                .mapToLong(n -> checkpoint.tensors().info(n).bytes())
                .sum();
    }

    /** Weights that one token is multiplied by: all but an embedding that is only looked up. */
    public static double matrices(LlamaConfig c) {
        double d = c.hidden();
        double attention = 2 * d * c.heads() * c.headSize() + 2 * d * c.keyHeads() * c.headSize();
        return c.layers() * (attention + 3 * d * c.intermediate()) + d * c.vocabulary();
    }

    /** Bytes of the matrices that one token is multiplied by; the vocabulary's has 8 bits beside blocks of 4. */
    public static double bytes(LlamaConfig c, WeightType type) {
        double vocabulary = (double) c.hidden() * c.vocabulary();
        return (matrices(c) - vocabulary) * type.bytes()
                + vocabulary * vocabulary(type).bytes();
    }

    private static WeightType vocabulary(WeightType type) {
        return type == WeightType.INT4 ? WeightType.INT8 : type;
    }

    /** Multiply-adds times two of reading a prompt, with scores behind its last token alone. */
    public static double operations(LlamaConfig c, int tokens) {
        double blocks = matrices(c) - (double) c.hidden() * c.vocabulary();
        double attention = 2.0 * c.layers() * c.heads() * c.headSize() * (double) tokens * (tokens + 1);
        return 2 * blocks * tokens + attention + 2.0 * c.hidden() * c.vocabulary();
    }

    /** Bytes of random weights, a cache of so many tokens, and what is computed meanwhile. */
    public static double memory(LlamaConfig c, WeightType type, int tokens) {
        double embedding = c.tied() ? 0 : (double) c.hidden() * c.vocabulary();
        double weights = bytes(c, type) + embedding * vocabulary(type).bytes();
        double cache = 2.0 * c.layers() * c.keyHeads() * c.headSize() * tokens * Float.BYTES;
        double activations = (double) tokens * (6.0 * c.hidden() + 3.0 * c.intermediate()) * Float.BYTES;
        return weights + cache + activations;
    }

    @Override
    public void close() {
        parameters.close();
        try {
            memory.close();
        } catch (Exception e) {
            throw new IllegalStateException(name + " could not be closed", e);
        }
    }
}
