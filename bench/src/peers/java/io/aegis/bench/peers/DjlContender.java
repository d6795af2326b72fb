package io.aegis.bench.peers;

import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;

/** A vision tower in DJL's PyTorch, one picture at a time, as TorchScript. */
final class DjlContender implements Contender {
    private final ZooModel<NDList, NDList> model;
    private final Predictor<NDList, NDList> predictor;
    private final NDManager manager;
    private final NDList picture;
    private final String type;

    /** @param model a file NAME-TYPE.pt, TYPE being f32 or bf16 */
    DjlContender(Path model, int threads) throws IOException, ModelNotFoundException, MalformedModelException {
        // Read when the engine starts; it brings its library along, and unpacks it there.
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("ai.djl.pytorch.num_threads", "" + threads);
        System.setProperty("DJL_CACHE_DIR", model.resolveSibling("djl").toString());
        String file = model.getFileName().toString();
        type = file.contains("-bf16") ? "bf16" : "f32";
        int side = file.contains("384") ? 384 : 336;
        this.model = Criteria.builder()
                .setTypes(NDList.class, NDList.class)
                .optEngine("PyTorch")
                .optModelPath(model)
                .optTranslator(new NoopTranslator(null))
                .build()
                .loadModel();
        predictor = this.model.newPredictor();
        manager = NDManager.newBaseManager("PyTorch");
        // In float32 for a tower of bfloat16 too, which rounds it before all else: toType(BFLOAT16) would end the process, as
        // DJL 0.36's native code has no such type (GetScalarTypeFromDType has `throw;` with nothing to throw for what it lacks).
        picture = new NDList(manager.randomUniform(-1, 1, new Shape(1, 3, side, side)));
        run(); // TorchScript looks on in its first run, and makes its graph anew in the second
    }

    @Override
    public String name() {
        return "DJL PyTorch " + Engine.getEngine("PyTorch").getVersion() + " " + type;
    }

    @Override
    public double run() {
        long start = System.nanoTime();
        try (NDList out = predictor.predict(picture)) {
            return (System.nanoTime() - start) / 1e6;
        } catch (TranslateException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        predictor.close();
        manager.close();
        model.close();
    }
}
