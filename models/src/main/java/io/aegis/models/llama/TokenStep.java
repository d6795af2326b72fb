package io.aegis.models.llama;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import io.aegis.layers.Pass;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One token of each of some sequences on a device, with everything that changes from token to token in the device's memory,
 * where kernels read it: so it can be recorded, and from then on a token is one launch of what was recorded. The first run is
 * launched kernel by kernel, which loads what there is to load; the second is recorded. What is chosen is written where the next
 * run reads its tokens.
 *
 * <p>The table of pages has room for more than the sequences have yet: blocks of attention's kernel that have nothing to do end
 * at once, and a sequence's bits depend on its own length alone.
 */
final class TokenStep implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(TokenStep.class.getName());
    private static final AtomicBoolean TOLD = new AtomicBoolean();
    private static final long ALIGNMENT = 16;

    private final LlamaNetwork network;
    private final Kernels kernels;
    private final Paging paging;
    /** Lengths and pages I64, then cosines and sines F32: written by the host before each run, and uploaded at once. */
    private final Buffer inputs;
    /** Tokens I64, then logarithms of probabilities F64: written by the device, and by the host where it chooses. */
    private final Buffer choices;
    /** Null unless somebody asks for them. */
    private final Buffer scores;

    private final View lengths;
    private final View table;
    private final View cos;
    private final View sin;
    private final View tokens;
    private final View shares;
    private final View logits;
    private Recording recording;
    private boolean refused;
    private int runs;

    /**
     * What a step is made for.
     *
     * @param kernels of a device
     * @param memory of {@link Paging}
     * @param sequences B
     * @param pages L, room for the longest of them
     * @param scored whether logits are kept
     */
    record Shape(Kernels kernels, Object memory, int sequences, int pages, boolean scored) {}

    TokenStep(LlamaNetwork network, Paging paging, Shape shape) {
        this.network = network;
        this.kernels = shape.kernels;
        this.paging = paging;
        long b = shape.sequences;
        long half = network.config().headSize() / 2;
        long angles = aligned(b * (1 + shape.pages) * Long.BYTES);
        long sines = angles + aligned(b * half * Float.BYTES);
        inputs = kernels.memory().acquire(sines + aligned(b * half * Float.BYTES));
        choices = kernels.memory().acquire(b * (Long.BYTES + Double.BYTES));
        long[] flat = {b, 1, network.config().vocabulary()};
        scores = shape.scored ? kernels.memory().acquire(View.count(flat) * Float.BYTES) : null;
        lengths = view(inputs, DType.I64, 0, b);
        table = view(inputs, DType.I64, b * Long.BYTES, b, shape.pages);
        cos = view(inputs, DType.F32, angles, b, 1, half);
        sin = view(inputs, DType.F32, sines, b, 1, half);
        tokens = view(choices, DType.I64, 0, b, 1);
        shares = view(choices, DType.F64, b * Long.BYTES, b);
        logits = scores == null ? null : View.of(scores, DType.F32, flat);
    }

    private static long aligned(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    private static View view(Buffer buffer, DType dtype, long byteOffset, long... shape) {
        return View.of(buffer, dtype, byteOffset / dtype.bytes(), shape, View.rowMajor(shape));
    }

    /**
     * Takes in one token a sequence.
     *
     * @param caches with room for it; they count it afterwards
     * @param record whether to record, where that is possible
     */
    void run(long[] ids, List<? extends SequenceCache> caches, boolean record) {
        for (int i = 0; i < ids.length; i++) {
            SequenceCache cache = caches.get(i);
            lengths.setLongAt(lengths.index(i), cache.length() + 1);
            cache.table(cache.length() + 1, table.select(0, i));
            network.rotary().write(cache.nextPosition(), i * cos.size(2), cos, sin);
            if (runs == 0 || tokens.getLong(i, 0) != ids[i]) {
                tokens.setLongAt(tokens.index(i), ids[i]); // not what the device chose, or another sequence
            }
        }
        if (recording == null && !refused && runs > 0 && record && kernels.canRecord()) {
            recording = recorded();
            refused = recording == null;
        }
        if (recording != null) {
            recording.launch();
        } else {
            work();
        }
        runs++;
        caches.forEach(c -> c.advance(1, c.nextPosition() + 1));
    }

    /** Null when it cannot be, of which one line is said in a process. */
    private Recording recorded() {
        try {
            return kernels.record(this::work);
        } catch (RuntimeException | OutOfMemoryError e) {
            if (!TOLD.getAndSet(true)) {
                LOG.log(Level.WARNING, "tokens are computed kernel by kernel, not as a graph: " + e.getMessage());
            }
            return null;
        }
    }

    private void work() {
        try (Scope scope = Scope.open(kernels)) {
            PageTable pages = new PageTable(paging, tensor(table), tensor(lengths));
            Rotary.Angles angles = new Rotary.Angles(tensor(cos), tensor(sin));
            Flow flow = new Flow(angles, AttentionMask.causal(), List.of(), Pass.EVALUATION, true, pages);
            View rows = network.logitsOfTokens(tensor(tokens), flow).view();
            if (logits != null) {
                kernels.elementwise().copy(rows, logits);
            }
            kernels.reduction().likeliest(rows.select(1, 0), tokens.select(1, 0), shares);
        }
    }

    private static Tensor tensor(View v) {
        return Tensor.wrap(v, false);
    }

    /** The likeliest next token of a sequence, as the device chose it. */
    Sampler.Choice likeliest(int sequence) {
        return Sampler.Choice.of(tokens.getLong(sequence, 0), shares.get(sequence));
    }

    /** All logits of a sequence's next token, where they are kept. */
    double[] logits(int sequence) {
        return logits.select(0, sequence).toDoubles();
    }

    @Override
    public void close() {
        if (recording != null) {
            recording.close();
        }
        kernels.memory().release(inputs);
        kernels.memory().release(choices);
        if (scores != null) {
            kernels.memory().release(scores);
        }
    }
}
