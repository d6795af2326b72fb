package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.DType;
import io.aegis.models.llama.Generation.Ending;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratorTest {
    private static final BooleanSupplier NEVER = () -> false;

    private TinyLlama llama;
    private Generator generator;
    private long before;

    @BeforeEach
    void open() {
        before = Pool.host().liveBlocks();
        llama = TinyLlama.frozen();
        generator = new Generator(llama.network, Letters::new, DType.F32);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        llama.close();
        assertThat(Pool.host().liveBlocks() - before)
                .as("blocks not given back")
                .isZero();
    }

    /** Token 7 is "h7 ", and the blank comes with the next token only. */
    private static final class Letters implements TextStream {
        private String late = "";

        @Override
        public String next(int id) {
            String out = late + "h" + id;
            late = " ";
            return out;
        }

        @Override
        public String finish() {
            return late;
        }
    }

    private static String text(int... tokens) {
        return Arrays.stream(tokens).mapToObj(t -> "h" + t + " ").collect(Collectors.joining());
    }

    private Generation answer(int[] prompt, GenerationOptions options) {
        return generator.answer(List.of(prompt), options, List.of(), NEVER).getFirst();
    }

    @Test
    void aloneAndInABatchAreTheSameBits() {
        List<int[]> prompts = List.of(prompt(5, 1), prompt(1, 2), prompt(11, 3), prompt(3, 4));
        GenerationOptions sampled =
                GenerationOptions.GREEDY.withMaxNewTokens(12).sampled(1.5, 20, 0.95, 8);
        for (GenerationOptions options : List.of(GenerationOptions.GREEDY.withMaxNewTokens(12), sampled)) {
            List<Generation> together = generator.answer(prompts, options, List.of(), NEVER);
            for (int i = 0; i < prompts.size(); i++) {
                Generation alone = answer(prompts.get(i), options);
                assertThat(together.get(i).tokens()).isEqualTo(alone.tokens()).hasSize(12);
                assertThat(together.get(i).logProbabilities()).isEqualTo(alone.logProbabilities());
                assertThat(alone.text()).isEqualTo(text(alone.tokens()));
            }
        }
    }

    @Test
    void aStopIdEndsTheAnswerAndIsNoPartOfIt() {
        int[] free = answer(prompt(6, 5), GenerationOptions.GREEDY.withMaxNewTokens(10))
                .tokens();
        int at = IntStream.range(1, 10)
                .filter(i -> IntStream.range(0, i).noneMatch(j -> free[j] == free[i]))
                .findFirst()
                .orElseThrow();
        List<Piece> pieces = new ArrayList<>();
        Generation g = generator
                .answer(
                        List.of(prompt(6, 5)),
                        GenerationOptions.GREEDY.withStops(Set.of(free[at]), List.of()),
                        List.of(pieces::add),
                        NEVER)
                .getFirst();
        assertThat(g.ending()).isEqualTo(Ending.STOP_ID);
        assertThat(g.tokens()).isEqualTo(Arrays.copyOf(free, at));
        assertThat(g.text()).isEqualTo(text(g.tokens()));
        assertThat(pieces.stream().map(Piece::text).collect(Collectors.joining()))
                .isEqualTo(g.text());
    }

    /** The stop string begins in one token's text and ends in the next one's. */
    @Test
    void aStopStringAcrossTokensNeverShows() {
        int[] free = answer(prompt(6, 5), GenerationOptions.GREEDY.withMaxNewTokens(6))
                .tokens();
        String whole = text(free);
        String stop = " h" + free[2] + " h";
        List<String> shown = new ArrayList<>();
        Generation g = generator
                .answer(
                        List.of(prompt(6, 5)),
                        GenerationOptions.GREEDY.withMaxNewTokens(6).withStops(Set.of(), List.of(stop)),
                        List.of(p -> shown.add(p.text())),
                        NEVER)
                .getFirst();
        assertThat(g.ending()).isEqualTo(Ending.STOP_STRING);
        assertThat(g.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        assertThat(String.join("", shown)).isEqualTo(g.text());
    }

    @Test
    void theContextEndsAnAnswerAndRefusesALongerPrompt() {
        Generation g = answer(prompt(60, 6), GenerationOptions.GREEDY);
        assertThat(g.ending()).isEqualTo(Ending.CONTEXT);
        // Positions 60..63 are read, and the token behind the last of them is still known.
        assertThat(g.tokens()).hasSize(5);
        assertThatThrownBy(() -> answer(prompt(65, 6), GenerationOptions.GREEDY))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("65 tokens")
                .hasMessageContaining("context of 64");
        assertThatThrownBy(() -> answer(new int[0], GenerationOptions.GREEDY)).hasMessageContaining("empty prompt");
    }

    @Test
    void cancellingLeavesWhatThereIs() {
        GenerationOptions options = GenerationOptions.GREEDY.withMaxNewTokens(20);
        int[] free = answer(prompt(6, 7), options).tokens();
        AtomicInteger heard = new AtomicInteger();
        Consumer<Piece> listener = p -> heard.incrementAndGet();
        Generation g = generator
                .answer(List.of(prompt(6, 7)), options, List.of(listener), () -> heard.get() >= 3)
                .getFirst();
        assertThat(g.isCancelled()).isTrue();
        assertThat(g.tokens()).isEqualTo(Arrays.copyOf(free, 3));
        assertThat(g.text()).isEqualTo(text(g.tokens()).stripTrailing());
    }

    @Test
    void anInterruptedThreadIsCancelledBeforeItBegins() {
        Thread.currentThread().interrupt();
        Generation g = answer(prompt(6, 7), GenerationOptions.GREEDY);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(g.isCancelled()).isTrue();
        assertThat(g.tokens()).isEmpty();
    }

    @Test
    void aPrefixIsReadOnceForSeveralQuestions() {
        int[] prefix = prompt(9, 8);
        GenerationOptions options = GenerationOptions.GREEDY.withMaxNewTokens(8);
        try (Scope scope = Scope.open();
                KeyValueCache reused = new KeyValueCache(TinyLlama.CONFIG, 10)) {
            append(reused, prefix, 0);
            for (int question = 0; question < 3; question++) {
                int[] rest = prompt(4, 20 + question);
                Generation again = ask(reused, rest, options);
                reused.truncate(9, 9);
                try (KeyValueCache fresh = new KeyValueCache(TinyLlama.CONFIG, 40)) {
                    append(fresh, prefix, 0);
                    Generation first = ask(fresh, rest, options);
                    assertThat(again.tokens()).isEqualTo(first.tokens());
                    assertThat(again.logProbabilities()).isEqualTo(first.logProbabilities());
                }
            }
        }
    }

    /** 61 tokens in parts of 15 or 16 that see each other only by the cache. */
    @Test
    void aLongPromptGoesThroughTheNetworkInParts() {
        int[] prompt = prompt(61, 3);
        double[] whole = behind(generator, prompt, NEVER);
        for (int rows : new int[] {1, 16, 60, 61}) {
            double[] parts = behind(new Generator(llama.network, Letters::new, DType.F32, rows), prompt, NEVER);
            assertThat(parts).as(rows + " rows together").hasSize(whole.length);
            for (int i = 0; i < whole.length; i++) {
                assertThat(parts[i]).as(rows + " rows together").isCloseTo(whole[i], within(1e-5));
            }
        }
    }

    @Test
    void memoryIsThatOfOnePart() {
        LlamaConfig c = TinyLlama.CONFIG;
        LlamaConfig longer = new LlamaConfig(
                c.vocabulary(),
                c.hidden(),
                c.intermediate(),
                c.layers(),
                c.heads(),
                c.keyHeads(),
                c.headSize(),
                c.eps(),
                c.theta(),
                c.scaling(),
                c.tied(),
                4096);
        try (TinyLlama large = new TinyLlama(longer, DType.F32, true)) {
            Generator parts = new Generator(large.network, Letters::new, DType.F32, 64);
            long shorter = peak(parts, 64);
            assertThat(peak(parts, 1024) - shorter)
                    .as("beyond the prompt's own rows")
                    .isLessThan(shorter + 960L * c.hidden() * Float.BYTES);
            assertThat(peak(new Generator(large.network, Letters::new, DType.F32, 1024), 1024))
                    .isGreaterThan(4 * shorter);
        }
    }

    private static long peak(Generator generator, int tokens) {
        long held = Pool.host().liveBytes();
        Pool.host().resetPeak();
        generator.answer(List.of(prompt(tokens, 3)), GenerationOptions.GREEDY.withMaxNewTokens(1), List.of(), NEVER);
        return Pool.host().peakBytes() - held;
    }

    @Test
    void aPromptThatIsCancelledInItsSecondPartLeavesNothingInTheCache() {
        AtomicInteger blocks = new AtomicInteger();
        Generator parts = new Generator(llama.network, Letters::new, DType.F32, 16);
        assertThatThrownBy(() -> behind(parts, prompt(61, 3), () -> blocks.incrementAndGet() > 3))
                .isInstanceOf(CancellationException.class);
    }

    /** Logits behind a prompt; what a cancelled one leaves in the cache is looked at. */
    private double[] behind(Generator generator, int[] prompt, BooleanSupplier cancelled) {
        try (Scope scope = Scope.open();
                KeyValueCache cache = new KeyValueCache(TinyLlama.CONFIG, prompt.length)) {
            append(cache, prompt(2, 1), 0);
            try {
                double[] logits = generator.readLast(
                        llama.network.embed(TinyLlama.ids(prompt)),
                        LlamaNetwork.positions(2, prompt.length),
                        cache,
                        cancelled);
                assertThat(cache.length()).isEqualTo(2L + prompt.length);
                assertThat(cache.nextPosition()).isEqualTo(2L + prompt.length);
                return logits;
            } catch (CancellationException e) {
                assertThat(cache.length()).isEqualTo(2);
                assertThat(cache.nextPosition()).isEqualTo(2);
                throw e;
            }
        }
    }

    private void append(KeyValueCache cache, int[] tokens, long position) {
        generator.read(
                llama.network.embed(TinyLlama.ids(tokens)),
                LlamaNetwork.positions(position, tokens.length),
                cache,
                NEVER);
    }

    private Generation ask(KeyValueCache cache, int[] rest, GenerationOptions options) {
        double[] logits = generator.readLast(
                llama.network.embed(TinyLlama.ids(rest)),
                LlamaNetwork.positions(cache.nextPosition(), rest.length),
                cache,
                NEVER);
        Generator.Start start = new Generator.Start(cache, logits, rest, 0, p -> {});
        return generator.continueFrom(List.of(start), options, NEVER).getFirst();
    }

    @Test
    void stopIdsComeFromTheFilesBesideTheModel(@TempDir Path folder) throws IOException {
        Files.writeString(folder.resolve("config.json"), "{\"text_config\": {\"eos_token_id\": 5}}");
        assertThat(GenerationOptions.stopIds(folder)).containsExactly(5);
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": [2, 3]}");
        assertThat(GenerationOptions.stopIds(folder)).containsExactly(2, 3);
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": 7}");
        assertThat(GenerationOptions.stopIds(folder)).containsExactly(7);
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": null}");
        assertThat(GenerationOptions.stopIds(folder)).containsExactly(2, 3);
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": \"</s>\"}");
        assertThatThrownBy(() -> GenerationOptions.stopIds(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("eos_token_id");
    }
}
