package io.aegis.bench.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Map;

/** A vision tower in ONNX Runtime, one picture at a time; its threads do not spin while others work. */
final class OnnxContender implements Contender {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;
    private final OnnxTensor picture;

    OnnxContender(Path model, int threads) throws OrtException {
        OrtSession.SessionOptions options = new OrtSession.SessionOptions();
        options.setIntraOpNumThreads(threads);
        options.addConfigEntry("session.intra_op.allow_spinning", "0");
        session = environment.createSession(model.toString(), options);
        int side = model.getFileName().toString().contains("384") ? 384 : 336;
        float[] noise = new float[3 * side * side];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = (i * 7919L % 2001 - 1000) / 1000f;
        }
        picture = OnnxTensor.createTensor(environment, FloatBuffer.wrap(noise), new long[] {1, 3, side, side});
    }

    @Override
    public String name() {
        return "ONNX Runtime " + environment.getVersion() + " f32";
    }

    @Override
    public double run() {
        long start = System.nanoTime();
        try (OrtSession.Result result = session.run(Map.of("pixels", picture))) {
            return (System.nanoTime() - start) / 1e6;
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        picture.close();
        try {
            session.close();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }
}
