package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers by recorded graphs, in the emulator, beside the same tokens kernel by kernel. */
class DecoderTest {
    private static final LlamaConfig CONFIG =
            new LlamaConfig(40, 32, 64, 2, 4, 2, 8, 1e-5, 10000, RopeScaling.NONE, false, 512);

    private final List<AutoCloseable> open = new ArrayList<>();
    private Kernels kernels;

    @BeforeEach
    void open() {
        try {
            kernels = CudaBackend.emulator(Precision.F32);
        } catch (CudaException e) {
            Assumptions.abort("the GPU's kernels are not run: " + e.getMessage());
        }
    }

    @AfterEach
    void close() throws Exception {
        if (kernels == null) {
            return;
        }
        assertThat(kernels.memory().liveBlocks()).as("blocks not given back").isZero();
        for (AutoCloseable o : open.reversed()) {
            o.close();
        }
        ((AutoCloseable) kernels).close();
    }

    private <T extends AutoCloseable> T opened(T resource) {
        open.add(resource);
        return resource;
    }

    private LlamaNetwork network(String weights) {
        return opened(new StoredLlama(CONFIG, weights)).network;
    }

    private void read(LlamaNetwork network, SequenceCache cache, int[] tokens) {
        Generator generator = new Generator(network, () -> null, DType.F32);
        try (Scope scope = Scope.open(kernels)) {
            generator.read(
                    network.embed(ids(tokens)),
                    LlamaNetwork.positions(cache.nextPosition(), tokens.length),
                    cache,
                    () -> false);
        }
    }

    /** Logits behind one more token a sequence, by the decoder. */
    private List<double[]> step(Decoder decoder, long[] ids, List<? extends SequenceCache> caches) {
        try (Scope scope = Scope.open(kernels)) {
            return decoder.step(ids, caches, i -> false).stream()
                    .map(Decoder.Next::logits)
                    .toList();
        }
    }

    /** The same by the operations that a graph is recorded from, over a cache in one piece as it is. */
    private double[] expected(LlamaNetwork network, int id, SequenceCache cache) {
        double[][] out = new double[1][];
        try (Scope scope = Scope.open(kernels)) {
            Tape.withoutRecording(() ->
                    out[0] = network.logitsOfRows(network.step(network.embed(ids(new int[] {id})), List.of(cache)))
                            .toDoubles());
        }
        return out[0];
    }

    /** Through the ends of the first and the second page, where graphs have more room, and where a cache in one piece grows. */
    @ParameterizedTest
    @ValueSource(strings = {"F32", "BF16", "F16", "quantized", "adapted"})
    void aGraphGivesTheBitsOfItsKernels(String weights) {
        LlamaNetwork network = network(weights);
        for (int length : weights.equals("F32") ? new int[] {61, 125} : new int[] {125}) {
            try (PagePool pool = new PagePool(CONFIG, 3, DType.F32);
                    KeyValueCache alone = new KeyValueCache(CONFIG, 8);
                    KeyValueCache one = new KeyValueCache(CONFIG, 8);
                    PagedCache paged = new PagedCache(pool);
                    Decoder decoder = new Decoder(network)) {
                for (SequenceCache cache : List.of(alone, one, paged)) {
                    read(network, cache, prompt(length, 1));
                }
                for (int i = 0; i < 6; i++) {
                    int id = 3 * i + 1;
                    double[] expected = expected(network, id, alone);
                    for (SequenceCache cache : List.of(one, paged)) {
                        String what = cache.getClass().getSimpleName() + ", " + length + " tokens and " + i;
                        boolean again = i == 2 || i == 5; // two of a shape are behind, the second of which was recorded
                        List<String> launched = CudaBackend.launched(
                                kernels, () -> assertThat(step(decoder, new long[] {id}, List.of(cache)))
                                        .as(what)
                                        .containsExactly(expected));
                        if (again) {
                            assertThat(launched).containsExactly("graph");
                        } else {
                            assertThat(launched).contains("rotate_append", "attention_decode", "likeliest_whole");
                        }
                    }
                }
                assertThat(one.length()).isEqualTo(length + 6L).isEqualTo(paged.length());
            }
        }
    }

    /** A token that is launched again takes no memory, and leaves none behind. */
    @Test
    void nothingIsTakenBetweenTokens() {
        LlamaNetwork network = network("F32");
        try (KeyValueCache cache = new KeyValueCache(CONFIG, 64)) {
            read(network, cache, prompt(20, 1));
            try (Decoder direct = new Decoder(network, false)) {
                next(direct, 7, cache); // uploads the weights
            }
            long before = kernels.memory().liveBytes();
            long blocks = kernels.memory().liveBlocks();
            try (Decoder decoder = new Decoder(network)) {
                int token = 7;
                for (int i = 0; i < 5; i++) {
                    int last = token;
                    long live = kernels.memory().liveBytes();
                    kernels.memory().resetPeak();
                    int[] next = new int[1];
                    List<String> launched = CudaBackend.launched(kernels, () -> next[0] = next(decoder, last, cache));
                    token = next[0];
                    if (i >= 2) {
                        assertThat(launched).containsExactly("graph");
                        assertThat(kernels.memory().peakBytes()).isEqualTo(live);
                    }
                }
                assertThat(kernels.memory().liveBlocks()).isGreaterThan(blocks);
            }
            assertThat(kernels.memory().liveBlocks()).isEqualTo(blocks);
            assertThat(kernels.memory().liveBytes()).isEqualTo(before);
        }
    }

    private int next(Decoder decoder, int token, SequenceCache cache) {
        try (Scope scope = Scope.open(kernels)) {
            return decoder.next(token, cache);
        }
    }

    /** Questions of several lengths and ways to choose, which come and go. */
    @Test
    void questionsThatComeAndGoGetTheSameAnswers() {
        LlamaNetwork network = network("F32");
        List<Generation> kernelByKernel;
        System.setProperty("aegis.cuda.graph", "false");
        try {
            kernelByKernel = answers(network);
        } finally {
            System.clearProperty("aegis.cuda.graph");
        }
        List<Generation> recorded = new ArrayList<>();
        assertThat(CudaBackend.launched(kernels, () -> recorded.addAll(answers(network))))
                .contains("graph");
        for (int i = 0; i < kernelByKernel.size(); i++) {
            Generation expected = kernelByKernel.get(i);
            assertThat(recorded.get(i).tokens()).as("question %d", i).isEqualTo(expected.tokens());
            assertThat(recorded.get(i).logProbabilities()).isEqualTo(expected.logProbabilities());
            assertThat(recorded.get(i).ending()).isEqualTo(expected.ending());
        }
    }

    private List<Generation> answers(LlamaNetwork network) {
        GenerationOptions greedy = GenerationOptions.GREEDY;
        List<Generation> answers = new ArrayList<>();
        try (PagePool pool = new PagePool(CONFIG, 8, DType.F32);
                Scope scope = Scope.open(kernels)) {
            Generator generator = new Generator(network, Silent::new, DType.F32);
            List<Question> asked = List.of(
                    new Question(generator, network, pool, 5, greedy.withMaxNewTokens(6)),
                    new Question(generator, network, pool, 60, greedy.withMaxNewTokens(9)),
                    new Question(
                            generator,
                            network,
                            pool,
                            126,
                            greedy.withMaxNewTokens(5).sampled(1.5, 20, 0.9, 8)),
                    new Question(
                            generator,
                            network,
                            pool,
                            9,
                            greedy.withMaxNewTokens(7).withRepetitionPenalty(1.3)),
                    new Question(generator, network, pool, 3, greedy.withMaxNewTokens(4)));
            generator.answer(asked.iterator(), 3, () -> false);
            asked.forEach(q -> answers.add(q.answer));
        }
        return answers;
    }

    private static final class Silent implements TextStream {
        @Override
        public String next(int id) {
            return "";
        }

        @Override
        public String finish() {
            return "";
        }
    }

    private static final class Question implements Turn {
        private final Generator generator;
        private final LlamaNetwork network;
        private final PagePool pool;
        private final int[] prompt;
        private final GenerationOptions options;
        private Generation answer;

        Question(Generator generator, LlamaNetwork network, PagePool pool, int length, GenerationOptions options) {
            this.generator = generator;
            this.network = network;
            this.pool = pool;
            this.prompt = prompt(length, length);
            this.options = options;
        }

        @Override
        public GenerationOptions options() {
            return options;
        }

        @Override
        public Optional<Generator.Start> begin() {
            PagedCache cache = new PagedCache(pool);
            cache.reserve(prompt.length + options.maxNewTokens());
            try (Scope scope = Scope.open()) {
                double[] logits = generator.readLast(
                        network.embed(ids(prompt)), LlamaNetwork.positions(0, prompt.length), cache, () -> false);
                return Optional.of(new Generator.Start(cache, logits, prompt, 3, p -> {}));
            }
        }

        @Override
        public void end(Generation answer, double seconds) {
            this.answer = answer;
        }
    }

    /** Made where a device computes, keys and values are there from the first byte on, and nowhere else. */
    @Test
    void cachesBeginOnTheDevice() {
        try (Scope scope = Scope.open(kernels);
                KeyValueCache cache = new KeyValueCache(CONFIG, 8);
                PagePool pool = new PagePool(CONFIG, 2, DType.F32)) {
            for (Paging paging : List.of(cache.paging(), pool.paging())) {
                assertThat(paging.keys().apply(1).buffer().device()).isNotEqualTo(Device.CPU);
                assertThat(paging.values().apply(1).buffer().device()).isNotEqualTo(Device.CPU);
            }
            assertThat(scope.kernels().memory().liveBlocks()).isEqualTo(8);
            cache.reserve(100);
            assertThat(cache.paging().keys().apply(1).buffer().device()).isNotEqualTo(Device.CPU);
            assertThat(scope.kernels().memory().liveBlocks()).isEqualTo(8);
        }
        assertThat(kernels.memory().liveBlocks()).isZero();
        try (KeyValueCache cache = new KeyValueCache(CONFIG, 8)) {
            assertThat(cache.paging().keys().apply(1).buffer().device()).isEqualTo(Device.CPU);
        }
    }

    /** What attention rounds to 16 bits is kept in 16 bits, before and after a cache has grown. */
    @Test
    void cachesAreKeptAsAttentionReadsThem() throws Exception {
        Kernels rounding = CudaBackend.emulator(Precision.BF16);
        try (AutoCloseable closing = (AutoCloseable) rounding;
                Scope scope = Scope.open(rounding);
                KeyValueCache cache = new KeyValueCache(CONFIG, 8);
                KeyValueCache exact = new KeyValueCache(CONFIG, 8, DType.F64);
                PagePool pool = new PagePool(CONFIG, 2, DType.F32)) {
            long bytes = cache.bytes();
            assertThat(cache.paging().keys().apply(0).dtype()).isEqualTo(DType.BF16);
            assertThat(pool.paging().values().apply(0).dtype()).isEqualTo(DType.BF16);
            assertThat(exact.bytes()).isEqualTo(4 * bytes);
            cache.reserve(100);
            assertThat(cache.paging().keys().apply(0).dtype()).isEqualTo(DType.BF16);
            assertThat(cache.bytes()).isEqualTo(2 * bytes);
        }
    }

    /** Sequences in memory of their own are answered together all the same, with the bits of each alone. */
    @Test
    void sequencesInPiecesOfTheirOwn() {
        LlamaNetwork network = network("F32");
        List<KeyValueCache> all = List.of(new KeyValueCache(CONFIG, 8), new KeyValueCache(CONFIG, 8));
        try (KeyValueCache alone = new KeyValueCache(CONFIG, 8);
                Decoder decoder = new Decoder(network);
                Scope scope = Scope.open(kernels)) {
            read(network, all.get(0), prompt(3, 1));
            read(network, all.get(1), prompt(9, 2));
            read(network, alone, prompt(9, 2));
            for (int i = 0; i < 3; i++) {
                Sampler.Choice expected = decoder.step(new long[] {5 + i}, List.of(alone), s -> true)
                        .getFirst()
                        .likeliest();
                List<Decoder.Next> both = decoder.step(new long[] {4, 5 + i}, all, s -> s == 1);
                assertThat(both.get(1).likeliest()).isEqualTo(expected);
                assertThat(both.get(0).logits()).hasSize(40);
            }
        } finally {
            all.forEach(KeyValueCache::close);
        }
    }

    /** Where nothing can be recorded, tokens are the same. */
    @Test
    void aRecordingThatFailsChangesNothing() {
        LlamaNetwork network = network("F32");
        List<String> tried = new ArrayList<>();
        Kernels refusing = (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, args) -> {
                    if (method.getName().equals("record")) {
                        tried.add("record");
                        throw new CudaException("recording a graph on cuda:0: cuStreamBeginCapture: no");
                    }
                    try {
                        return method.invoke(kernels, args);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        try (KeyValueCache one = new KeyValueCache(CONFIG, 64);
                KeyValueCache other = new KeyValueCache(CONFIG, 64);
                Decoder recorded = new Decoder(network);
                Decoder refused = new Decoder(network)) {
            read(network, one, prompt(9, 1));
            read(network, other, prompt(9, 1));
            for (int i = 0; i < 4; i++) {
                int id = i;
                int expected = next(recorded, id, one);
                try (Scope scope = Scope.open(refusing)) {
                    assertThat(refused.next(id, other)).isEqualTo(expected);
                }
            }
            assertThat(tried).as("once for a number of sequences and pages").containsExactly("record");
        }
    }

    @Test
    void weightsThatAreNoNumbersAreSaidSo() {
        TinyLlama llama = opened(new TinyLlama(CONFIG, DType.F32, true));
        Parameter head = List.copyOf(llama.parameters.all()).getLast();
        head.view().set(Double.NaN, 5, 0);
        try (KeyValueCache cache = new KeyValueCache(CONFIG, 64);
                Decoder decoder = new Decoder(llama.network)) {
            read(llama.network, cache, prompt(2, 1));
            assertThatThrownBy(() -> next(decoder, 1, cache))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessage("the model's logits are not numbers (NaN): its weights are damaged");
        }
    }
}
