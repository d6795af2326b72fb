package io.aegis.training.quantization;

import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.faceshield.FaceShieldFolder;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.models.vit.VitConfig;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;

/** A model's language model, or its tower, by itself. */
final class Parts {
    private Parts() {}

    /** Scores of every token as the next, behind each token of a text. */
    static float[][] expectations(Path folder, long[] ids) {
        try (VisionLanguageCheckpoint c = FaceShieldFolder.openBase(folder);
                Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            LlamaNetwork network =
                    new LlamaNetwork(p.at("llm"), c.config().language().orElseThrow());
            c.load(p);
            Tensor h = network.hidden(
                    network.embed(Tensor.of(ids, 1, ids.length)),
                    LlamaNetwork.positions(0, ids.length),
                    AttentionMask.causal(),
                    null,
                    Probe.NONE);
            double[] logits = network.logits(h).toDoubles();
            int vocabulary = logits.length / ids.length;
            float[][] rows = new float[ids.length][vocabulary];
            for (int i = 0; i < logits.length; i++) {
                rows[i / vocabulary][i % vocabulary] = (float) logits[i];
            }
            return rows;
        }
    }

    /** The hidden state that the model uses, or the last of a tower that stands alone, of all pictures. */
    static double[] features(Path folder, List<Image> pictures) {
        try (VisionLanguageCheckpoint c = FaceShieldFolder.openBase(folder);
                Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            VitConfig config = c.config().vision().orElseThrow();
            int layer = c.config().feature() == null
                    ? config.layers()
                    : c.config().feature().layer();
            VisionTransformer tower = new VisionTransformer(p.at("vis"), config, layer);
            c.load(p);
            int side = config.image();
            Tensor pixels = Tensor.empty(DType.F32, pictures.size(), 3, side, side);
            for (int i = 0; i < pictures.size(); i++) {
                fill(pixels.slice(0, i, i + 1), pictures.get(i));
            }
            return tower.hidden(pixels, layer).toDoubles();
        }
    }

    /** Every pixel the one that lies nearest, from -1 to 1. */
    private static void fill(Tensor to, Image picture) {
        int side = (int) to.size(2);
        Image rgb = picture.eightBit().rgb();
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                for (int c = 0; c < 3; c++) {
                    int value = rgb.at(y * rgb.height() / side, x * rgb.width() / side, c);
                    to.view().setAt(to.view().index(0, c, y, x), value / 127.5 - 1);
                }
            }
        }
    }
}
