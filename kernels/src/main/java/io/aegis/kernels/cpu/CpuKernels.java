package io.aegis.kernels.cpu;

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
import io.aegis.kernels.MutualInformation;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.Reduction;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.VisionMasking;
import java.lang.System.Logger.Level;
import java.util.List;

/** The CPU for use: machine code or OpenBLAS for products, oneDNN for those of bfloat16, {@link MachineCode} for few rows, the Vector API for the rest. */
public final class CpuKernels implements Kernels {
    private static final System.Logger LOG = System.getLogger(CpuKernels.class.getName());

    private final Kernels plain = Backends.scalar();
    private final Gemm product;
    private final String whyNotBlas;
    private final Matmul matmul;
    private final QuantizedMatmul quantizedMatmul;
    private final Attention attention;
    private final RotaryEmbedding rotaryEmbedding = new CpuRotaryEmbedding(plain.rotaryEmbedding());
    private final Normalization normalization = new CpuNormalization(plain.normalization());
    private final Convolution convolution;
    private final Elementwise elementwise = new CpuElementwise(plain.elementwise());
    private final Reduction reduction = new CpuReduction(plain.reduction(), elementwise);
    private final Embedding embedding = new CpuEmbedding(plain.embedding());
    private final Loss loss = new CpuLoss(plain.loss());
    private final Optimizer optimizer = new CpuOptimizer(plain.optimizer());

    /** Takes OpenBLAS where it loads, and says why where it does not; {@code -Daegis.blas=none} leaves it out. */
    public CpuKernels() {
        Gemm found = MachineGemm.suits() ? new MachineGemm() : null;
        String reason = null;
        if (found != null) {
            LOG.log(Level.DEBUG, "matrix products by " + found.description());
        } else if ("none".equals(System.getProperty("aegis.blas"))) {
            reason = "without OpenBLAS: switched off by aegis.blas=none";
        } else {
            try {
                found = new OpenBlas();
            } catch (IllegalCallerException e) {
                reason = "without OpenBLAS: native access is denied, start java with"
                        + " --enable-native-access=ALL-UNNAMED or, on the module path, =io.aegis.kernels";
            } catch (LinkageError | RuntimeException e) {
                reason = "without OpenBLAS: " + firstLine(e);
            }
            if (reason != null) {
                LOG.log(Level.WARNING, "matrix products are slower " + reason);
            }
        }
        if (found == null) {
            found = new VectorGemm();
        }
        product = found;
        whyNotBlas = reason;
        matmul = new CpuMatmul(plain.matmul(), elementwise, product);
        quantizedMatmul = new CpuQuantizedMatmul(plain.quantizedMatmul(), elementwise, product);
        attention = new CpuAttention(plain.attention(), product);
        convolution = new CpuConvolution(plain.convolution(), elementwise, product);
    }

    /** The same with the operands of products rounded. */
    private CpuKernels(CpuKernels exact, Bfloat bfloat) {
        product = exact.product;
        whyNotBlas = exact.whyNotBlas;
        quantizedMatmul =
                new BfloatQuantizedMatmul(exact.quantizedMatmul, elementwise, bfloat.product(), bfloat.small());
        matmul = new BfloatMatmul(exact.matmul, elementwise, bfloat.product(), bfloat.small());
        attention = new CpuAttention(exact.attention, bfloat.product(), bfloat.small());
        convolution = new CpuConvolution(exact.convolution, elementwise, bfloat.product(), bfloat.small());
    }

    /** What an error says, in a line; its name where it says nothing. */
    static String firstLine(Throwable e) {
        String text = e.getMessage();
        return text == null
                ? e.getClass().getSimpleName()
                : text.lines().findFirst().orElse("");
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public Device device() {
        return Device.CPU;
    }

    @Override
    public Kernels rounding(DType operands) {
        return operands == DType.BF16 ? rounding(Bfloat.choose(product)) : this;
    }

    @Override
    public Kernels roundingEverything(DType operands) {
        return operands == DType.BF16 ? rounding(Bfloat.choose(product).everything()) : this;
    }

    private Kernels rounding(Bfloat bfloat) {
        return bfloat.product() == null ? this : new CpuKernels(this, bfloat);
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
        return plain.mutualInformation();
    }

    @Override
    public Optimizer optimizer() {
        return optimizer;
    }

    @Override
    public VisionMasking visionMasking() {
        return plain.visionMasking();
    }

    @Override
    public void alone(Runnable work) {
        Workers.alone(work);
    }

    @Override
    public List<Choice> choices() {
        String vectors = "Vector API, " + Lanes.F.vectorBitSize() + " bits, " + Workers.count()
                + (Workers.count() == 1 ? " thread" : " threads");
        String products = whyNotBlas == null
                ? "float32, weights float16 and bfloat16 too (widened by panels); other dtypes by the plain kernels"
                : whyNotBlas;
        Bfloat bfloat = Bfloat.choose(product);
        String floats = "float32; other dtypes by the plain kernels";
        return List.of(
                new Choice("matmul", product.description() + ", single rows by " + vectors, products),
                new Choice(
                        "few rows",
                        MachineCode.available() ? MachineCode.ofRows() : vectors,
                        MachineCode.available()
                                ? "beside weights of 16, 8 and 4 bits; others by " + vectors
                                : "no machine code: " + MachineCode.reason()),
                new Choice(Choice.BFLOAT16, bfloat.implementation(), bfloat.reason()),
                new Choice(
                        "matmul of 8 and 4 bits",
                        vectors + ", many rows by " + product.description(),
                        "float32 beside the weights, which are widened in registers or by panels; with --dtype bf16 many rows as"
                                + " products of bfloat16"),
                new Choice("attention", product.description() + " and " + vectors, "in blocks, no N x M matrix"),
                new Choice("rotary embedding", vectors, floats),
                new Choice("normalization", vectors, floats),
                new Choice(
                        "convolution",
                        product.description() + " and " + vectors,
                        "channels last, by blocks of patches"),
                new Choice("elementwise", vectors, floats),
                new Choice("reduction", vectors, floats),
                new Choice("embedding", vectors, "float32, float16 and bfloat16 tables"),
                new Choice("loss", vectors, "cross-entropy of float32; distances of prototypes by the plain kernels"),
                new Choice("mutual information", "plain Java", "microseconds a step in every model here"),
                new Choice("optimizer", vectors, floats),
                new Choice("(oneDNN)", OneDnn.version(), OneDnn.products()),
                new Choice("vision masking", "plain Java", "sums in doubles, in one order on every device"));
    }
}
