package io.aegis.models.dadm;

import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.DecisionThreshold;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Models of a few thousand weights, all of them drawn so that no path through the network is zero. */
final class SmallDadm {
    /** Pictures of 12 x 12. */
    static final DadmConfig CONFIG = new DadmConfig(24, 3, 2, 3, 4, 48, 8, 4, 5);

    static final DadmInfo INFO = new DadmInfo(CONFIG, List.of("CASIA-SURF", "CeFA"), "intended");

    private SmallDadm() {}

    /** Values in place for declared parameters. */
    static void fill(Parameters p, DType dtype, long seed) {
        p.initialize(dtype, seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (Parameter parameter : p.all()) {
            View v = parameter.view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(v.position(i), draw(parameter, random));
            }
        }
    }

    private static double draw(Parameter p, SplittableRandom random) {
        if (p.name().endsWith("num_batches_tracked")) {
            return random.nextInt(1000);
        }
        double z = random.nextDouble(-1, 1);
        boolean gain = p.shape().length == 1 && p.name().endsWith("weight");
        return p.name().endsWith("running_var") || gain ? 1 + 0.5 * z : 0.4 * z;
    }

    /** A model folder, with a threshold. */
    static void write(Path folder, DadmInfo info, long seed) {
        try (Parameters p = new Parameters()) {
            new DadmNetwork(p, info.config());
            fill(p, DType.F32, seed);
            DadmFolder.writeInfo(folder, info);
            DadmFolder.writeWeights(folder, p, new DecisionThreshold(0.25, "chosen by the test").metadata());
        }
    }

    static Map<String, double[]> values(Parameters p) {
        Map<String, double[]> out = new java.util.LinkedHashMap<>();
        p.all().forEach(q -> out.put(q.name(), q.view().toDoubles()));
        return out;
    }

    /** Noise. */
    static Image picture(int width, int height, int channels, long seed) {
        byte[] bytes = new byte[width * height * channels];
        new java.util.Random(seed).nextBytes(bytes);
        return Image.of(width, height, channels, bytes);
    }
}
