package io.aegis.kernels.cuda;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Embedding;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Loss;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Memory;
import io.aegis.kernels.MutualInformation;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.Recording;
import io.aegis.kernels.Reduction;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.VisionMasking;
import java.util.List;

/**
 * A GPU for use. A call that a family's kernels do not cover (another dtype, a layout nobody needs) is computed on the
 * host: buffers move by themselves, so the result is the same, only later.
 */
final class CudaKernels implements Kernels, AutoCloseable {
    /** {@code false} queues every kernel by itself. */
    private static final String GRAPHS = "aegis.cuda.graph";

    private final Engine engine;
    private final DeviceMemory memory;
    private final Cuda cuda;
    private final Kernels host = Backends.best();
    private final Matmul matmul;
    private final QuantizedMatmul quantizedMatmul;
    private final Normalization normalization;
    private final Elementwise elementwise;
    private final Attention attention;
    private final RotaryEmbedding rotaryEmbedding;
    private final Reduction reduction;
    private final Optimizer optimizer;
    private final VisionMasking visionMasking;
    private final MutualInformation mutualInformation;
    private final Loss loss;
    private final Embedding embedding;
    private final Convolution convolution;

    CudaKernels(Engine engine, Device device, Precision precision) {
        this(engine, new DeviceMemory(engine, device), precision);
    }

    /** Kernels of another precision that share a device's memory, and so its copies of buffers. */
    CudaKernels(Engine engine, DeviceMemory memory, Precision precision) {
        this(engine, memory, precision, Route.BEST);
    }

    private CudaKernels(Engine engine, DeviceMemory memory, Precision precision, Route route) {
        this.engine = engine;
        this.memory = memory;
        this.cuda = new Cuda(engine, memory, precision, route);
        this.matmul = new CudaMatmul(cuda, host.matmul());
        this.normalization = new CudaNormalization(cuda, host.normalization());
        this.elementwise = new CudaElementwise(cuda, host.elementwise());
        this.attention = new CudaAttention(cuda, host.attention());
        this.rotaryEmbedding = new CudaRotaryEmbedding(cuda, host.rotaryEmbedding());
        this.reduction = new CudaReduction(cuda, host.reduction(), elementwise);
        this.optimizer = new CudaOptimizer(cuda, host.optimizer(), elementwise);
        this.visionMasking = new CudaVisionMasking(cuda, host.visionMasking());
        this.mutualInformation = new CudaMutualInformation(cuda, host.mutualInformation());
        this.loss = new CudaLoss(cuda, host.loss());
        this.embedding = new CudaEmbedding(cuda, host.embedding());
        this.quantizedMatmul = new CudaQuantizedMatmul(cuda, host.quantizedMatmul(), matmul, elementwise, embedding);
        this.convolution = new CudaConvolution(cuda, host.convolution(), matmul(), elementwise());
    }

    /** Kernels of the same precision, over the same memory, that go another way. */
    CudaKernels through(Route route) {
        return new CudaKernels(engine, memory, cuda.precision(), route);
    }

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public DType operands() {
        return cuda.precision().dtype();
    }

    @Override
    public Device device() {
        return memory.device();
    }

    @Override
    public Memory memory() {
        return memory;
    }

    @Override
    public void synchronize() {
        engine.synchronize();
    }

    @Override
    public boolean canRecord() {
        return engine.canRecord() && !"false".equals(System.getProperty(GRAPHS));
    }

    @Override
    public Recording record(Runnable work) {
        return cuda.record(work);
    }

    /** For tests of one family. */
    Cuda cuda() {
        return cuda;
    }

    @Override
    public Matmul matmul() {
        return matmul;
    }

    @Override
    public QuantizedMatmul quantizedMatmul() {
        return quantizedMatmul;
    }

    @Override
    public Attention attention() {
        return attention;
    }

    @Override
    public RotaryEmbedding rotaryEmbedding() {
        return rotaryEmbedding;
    }

    @Override
    public Normalization normalization() {
        return normalization;
    }

    @Override
    public Convolution convolution() {
        return convolution;
    }

    @Override
    public Elementwise elementwise() {
        return elementwise;
    }

    @Override
    public Reduction reduction() {
        return reduction;
    }

    @Override
    public Embedding embedding() {
        return embedding;
    }

    @Override
    public Loss loss() {
        return loss;
    }

    @Override
    public MutualInformation mutualInformation() {
        return mutualInformation;
    }

    @Override
    public Optimizer optimizer() {
        return optimizer;
    }

    @Override
    public VisionMasking visionMasking() {
        return visionMasking;
    }

    @Override
    public List<Choice> choices() {
        String products = cuda.precision() == Precision.F32
                ? "float32 throughout"
                : "operands rounded to " + cuda.precision().dtype() + " on the matrix units, float32 sums";
        return List.of(
                choice("matmul", products + "; " + library()),
                choice("matmul of 8 and 4 bits", "up to 64 rows in float32; more as matmul, of widened weights"),
                choice(
                        "attention",
                        products + ", no N x M matrix; few queries over a cache in float32; packed sequences by the"
                                + " portable kernels" + cudnn()),
                choice("rotary embedding", ""),
                choice("normalization", ""),
                choice(
                        "convolution",
                        products + ", gathered pixels as a product; groups other than 1 or C on the host"),
                choice("elementwise", "float32; copies of every dtype"),
                choice("reduction", ""),
                choice("embedding", ""),
                choice("loss", ""),
                choice("mutual information", "in double, as its unshifted exponentials need"),
                choice("vision masking", ""),
                choice("optimizer", ""));
    }

    private Choice choice(String family, String reason) {
        return new Choice(family, engine.name() + ", " + properties(), reason);
    }

    private String properties() {
        return engine.properties().description();
    }

    private String library() {
        if (!(engine instanceof DriverEngine driver)) {
            return "by our own kernels";
        }
        CublasLt.Found found = driver.products();
        return found.library() == null
                ? "by our own kernels, without cuBLASLt: " + found.reason()
                : "large ones in 16 bits by " + found.library().name();
    }

    private String cudnn() {
        boolean asked = engine instanceof DriverEngine && Boolean.getBoolean(CudnnAttention.PROPERTY);
        return asked ? "; cuDNN first, " + CudaBackend.cudnn() : "";
    }

    @Override
    public void close() {
        memory.trim();
        engine.close();
    }
}
