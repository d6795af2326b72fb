package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.workload.FaceShieldWorkload;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.tensor.Scope;
import io.aegis.training.faceshield.FaceShieldPlan;
import io.aegis.training.faceshield.FaceShieldTrainingOptions;
import io.aegis.training.faceshield.LongestUpdate;
import io.aegis.training.faceshield.Stage;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.Workspace;
import java.nio.file.Path;

/**
 * A training step of FaceShield's stage 2 from one sequence: the published adapters in a frozen language model and the projector,
 * every block computed again on the way back, gradients clipped, AdamW. What the tower saw is there already, as in a run.
 *
 * @param config of {@link Synthesis}
 * @param type how frozen matrices are stored: BF16, or INT8 and INT4 as {@code quantize} has them
 * @param length positions of the sequence, the picture's among them
 * @param asked bytes that it is to hold at the most; 0 where nothing is asked
 */
public record AdapterWork(String config, WeightType type, int length, long asked) implements ModelWork {
    @Override
    public String name() {
        return config + ", " + type + " base, training step of adapters of rank "
                + options().lora().rank() + ", one sequence of " + length;
    }

    @Override
    public Unit bound() {
        return Unit.TERAFLOPS;
    }

    /**
     * Operations of the language model that cannot be left out: its way forward, as much for the gradients of what goes into its
     * frozen matrices (with attention's, which are two and a half times its way forward), three products of each adapter, and the
     * vocabulary's for each token of the answer. Computing blocks again is not counted.
     */
    @Override
    public double load() {
        LlamaConfig c = FaceShieldWorkload.sizes(config).language();
        double prompt = LanguageModel.operations(c, length) - 2.0 * c.hidden() * c.vocabulary();
        double attention = 2.0 * c.layers() * c.heads() * c.headSize() * (double) length * (length + 1);
        double vocabulary = 4.0 * c.hidden() * c.vocabulary() * answer();
        return 2 * prompt + 1.5 * attention + vocabulary + 6.0 * adapters(c) * length;
    }

    /** Weights of adapters: of each linear [out, in], rank times out + in. */
    private double adapters(LlamaConfig c) {
        double d = c.hidden();
        double q = (double) c.heads() * c.headSize();
        double k = (double) c.keyHeads() * c.headSize();
        double sums = 2 * (d + q) + 2 * (d + k) + 3 * (d + c.intermediate());
        return c.layers() * options().lora().rank() * sums;
    }

    /** Tokens that are learned: all of the text but one. */
    private int answer() {
        return length - FaceShieldWorkload.sizes(config).visionTokens() - 1;
    }

    /** Of a run that has no folder: nothing is written. */
    FaceShieldTrainingOptions options() {
        return FaceShieldTrainingOptions.of(Stage.ADAPTERS, Path.of("run"))
                .withLimits(new FaceShieldTrainingOptions.Limits(length, 1, true));
    }

    private Synthesis form() {
        return RandomWeights.form(config, type);
    }

    @Override
    public Footprint foreseen(Kernels kernels) {
        Workspace device = Workspace.of(kernels);
        MemoryPlan plan = FaceShieldPlan.of(Synthesis.config(config), form(), options(), device, null)
                .plan();
        return new Footprint(0, plan.total() - device.beside().bytes(), asked);
    }

    @Override
    public Subject open(Kernels kernels) {
        Operands operands = new Operands(kernels);
        Parameters parameters = new Parameters();
        FaceShieldNetwork network = new FaceShieldNetwork(parameters, FaceShieldWorkload.sizes(config));
        RandomWeights.fill(parameters, operands, form(), LongestUpdate.learns());
        Scope scope = Scope.open(kernels);
        LongestUpdate update = new LongestUpdate(network, parameters, options(), kernels.operands());
        return new Subject() {
            @Override
            public void run(Kernels k) {
                try (Scope inner = Scope.open(k)) {
                    update.run();
                }
            }

            @Override
            public void close() {
                update.close();
                scope.close();
                parameters.close();
                operands.close();
            }
        };
    }
}
