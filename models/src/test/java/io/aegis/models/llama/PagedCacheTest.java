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
import io.aegis.layers.Probe;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PagedCacheTest {
    /** As the tiny one, but for room for several pages. */
    private static final LlamaConfig CONFIG =
            new LlamaConfig(40, 24, 36, 2, 6, 2, 4, 1e-5, 10000, RopeScaling.NONE, false, 512);

    private TinyLlama llama;
    private PagePool pool;
    private Scope scope;
    private long before;

    @BeforeEach
    void open() {
        before = Pool.host().liveBlocks();
        llama = new TinyLlama(CONFIG, DType.F32, true);
        pool = new PagePool(CONFIG, 12, DType.F32);
        scope = Scope.open();
    }

    @AfterEach
    void everyPageWasGivenBack() {
        scope.close();
        assertThat(pool.freePages()).as("free pages").isEqualTo(pool.pages());
        pool.close();
        llama.close();
        assertThat(Pool.host().liveBlocks()).isEqualTo(before);
    }

    /** Hidden states of tokens behind a cache, which takes them in. */
    private double[] read(SequenceCache cache, int[] tokens) {
        try (Scope inner = Scope.open()) {
            return llama.network
                    .hidden(
                            llama.network.embed(ids(tokens)),
                            LlamaNetwork.positions(cache.nextPosition(), tokens.length),
                            AttentionMask.causal(),
                            cache,
                            Probe.NONE)
                    .toDoubles();
        }
    }

    /** Hidden states of one more token of each of some sequences. */
    private double[] step(List<? extends SequenceCache> caches, int... tokens) {
        try (Scope inner = Scope.open()) {
            int[][] column = new int[tokens.length][];
            for (int i = 0; i < tokens.length; i++) {
                column[i] = new int[] {tokens[i]};
            }
            return llama.network.step(llama.network.embed(ids(column)), caches).toDoubles();
        }
    }

    @Test
    void readsAndStepsToTheBitsOfACacheInOnePiece() {
        for (int length : new int[] {1, 13, 63, 64, 65, 127, 128, 129, 200}) {
            try (KeyValueCache one = new KeyValueCache(CONFIG, 8);
                    PagedCache paged = new PagedCache(pool)) {
                assertThat(read(paged, prompt(length, 1)))
                        .as("%d tokens", length)
                        .isEqualTo(read(one, prompt(length, 1)));
                assertThat(read(paged, prompt(70, 2))).isEqualTo(read(one, prompt(70, 2)));
                for (int i = 0; i < 3; i++) {
                    assertThat(step(List.of(paged), 7 + i)).isEqualTo(step(List.of(one), 7 + i));
                }
                assertThat(paged.length()).isEqualTo(length + 73L).isEqualTo(one.length());
                assertThat(paged.pages()).isEqualTo((length + 73 + 63) / 64);
            }
        }
    }

    @Test
    void forksShareWhatTheyHaveInCommonAndNothingElse() {
        for (int common : new int[] {64, 70, 128, 130}) {
            try (PagedCache first = new PagedCache(pool)) {
                read(first, prompt(common, 1));
                int whole = common / 64;
                int partial = common % 64 == 0 ? 0 : 1;
                try (PagedCache second = first.fork();
                        PagedCache third = first.fork()) {
                    assertThat(pool.pages() - pool.freePages())
                            .as("forks take nothing")
                            .isEqualTo(whole + partial);
                    read(second, prompt(5, 2));
                    read(third, prompt(5, 3));
                    read(first, prompt(5, 4));
                    // The page that they share in part: two copies, and the last to write keeps it.
                    assertThat(pool.pages() - pool.freePages()).isEqualTo(whole + 3);
                    assertSame(second, prompt(common, 1), prompt(5, 2));
                    assertSame(third, prompt(common, 1), prompt(5, 3));
                    assertSame(first, prompt(common, 1), prompt(5, 4));
                }
                assertThat(pool.pages() - pool.freePages()).isEqualTo(whole + 1);
            }
        }
    }

    /** What a sequence would say next is what one that is alone would say. */
    private void assertSame(PagedCache cache, int[] prompt, int[] rest) {
        try (KeyValueCache alone = new KeyValueCache(CONFIG, 8);
                PagedCache copy = cache.fork()) {
            read(alone, prompt);
            read(alone, rest);
            assertThat(step(List.of(copy), 9)).isEqualTo(step(List.of(alone), 9));
        }
    }

    @Test
    void whatAForkLeavesBehindTheOtherStillHas() {
        PagedCache first = new PagedCache(pool);
        read(first, prompt(100, 1));
        try (PagedCache second = first.fork()) {
            read(second, prompt(10, 2));
            first.close();
            first.close();
            assertThat(pool.pages() - pool.freePages()).isEqualTo(2);
            assertSame(second, prompt(100, 1), prompt(10, 2));
            second.truncate(64, 64);
            assertThat(pool.pages() - pool.freePages()).isEqualTo(1);
            second.truncate(0, 0);
            assertThat(pool.freePages()).isEqualTo(pool.pages());
        }
        assertThatThrownBy(() -> read(first, prompt(1, 1))).hasMessage("this cache was closed");
        assertThatThrownBy(first::fork).hasMessage("this cache was closed");
    }

    @Test
    void goingBackToASharedPageCopiesIt() {
        try (PagedCache first = new PagedCache(pool);
                KeyValueCache one = new KeyValueCache(CONFIG, 8);
                KeyValueCache other = new KeyValueCache(CONFIG, 8)) {
            for (SequenceCache cache : List.of(first, one, other)) {
                read(cache, prompt(100, 1));
            }
            try (PagedCache second = first.fork()) {
                for (SequenceCache cache : List.of(second, one)) {
                    cache.truncate(80, 80);
                    read(cache, prompt(30, 2));
                }
                assertThat(step(List.of(second), 9)).isEqualTo(step(List.of(one), 9));
                assertThat(step(List.of(first), 9)).isEqualTo(step(List.of(other), 9));
            }
        }
    }

    @Test
    void aFullPoolSaysSoAndLeavesTheSequenceAsItWas() {
        try (PagedCache first = new PagedCache(pool);
                PagedCache second = new PagedCache(pool)) {
            read(first, prompt(600, 1));
            read(second, prompt(100, 2));
            assertThatThrownBy(() -> read(second, prompt(90, 3)))
                    .isInstanceOf(CacheFullException.class)
                    .hasMessage("the key/value cache is full: 90 more tokens need 1 page of 64, 0 of 12 are free");
            assertThat(second.length()).isEqualTo(100);
            assertThat(second.pages()).isEqualTo(2);
            read(second, prompt(28, 3));
            assertThat(keys(second)).isEqualTo(keysAlone(100, 28));
            first.truncate(576, 576);
            read(second, prompt(1, 4));
            assertThat(pool.freePages()).isZero();
        }
        try (PagedCache whole = new PagedCache(pool)) {
            assertThatThrownBy(() -> whole.reserve(13 * 64))
                    .hasMessage("the key/value cache is full: 832 more tokens need 13 pages of 64, 12 of 12 are free");
            whole.reserve(12 * 64);
            read(whole, prompt(5, 1));
            try (PagedCache fork = whole.fork()) {
                assertThat(fork.pages()).as("what is reserved is not shared").isEqualTo(1);
                assertThatThrownBy(() -> read(fork, prompt(1, 1)))
                        .hasMessage("the key/value cache is full: 1 more tokens need 1 page of 64, 0 of 12 are free");
            }
        }
    }

    private double[] keysAlone(int first, int more) {
        try (KeyValueCache alone = new KeyValueCache(CONFIG, 8)) {
            read(alone, prompt(first, 2));
            read(alone, prompt(more, 3));
            return keys(alone);
        }
    }

    private static double[] keys(SequenceCache cache) {
        return cache.keys(1, 0).toDoubles();
    }

    @Test
    void copiesOfACacheInOnePiece() {
        try (KeyValueCache one = new KeyValueCache(CONFIG, 8)) {
            read(one, prompt(150, 1));
            try (PagedCache copy = PagedCache.copyOf(one, 130, 130, pool)) {
                one.truncate(130, 130);
                assertThat(read(copy, prompt(9, 2))).isEqualTo(read(one, prompt(9, 2)));
            }
            try (PagePool small = new PagePool(CONFIG, 1, DType.F32)) {
                assertThatThrownBy(() -> PagedCache.copyOf(one, 130, 130, small))
                        .isInstanceOf(CacheFullException.class);
                assertThat(small.freePages()).isEqualTo(1);
            }
        }
    }

    /** Sequences of many lengths, two of which share their beginning, take steps in one pass, through a page's end. */
    @Test
    void sequencesOfAnyLengthStepTogether() {
        stepTogether(1, 62, 63, 64, 130);
    }

    /** The GPU's kernels, on the processor: pages are written, copied and read where they lie, on the device. */
    @Test
    void kernelsOfTheGpuGiveTheSameBitsInPages() throws Exception {
        Kernels kernels;
        try {
            kernels = CudaBackend.emulator(Precision.F32);
        } catch (CudaException e) {
            Assumptions.abort("the GPU's kernels are not run: " + e.getMessage());
            return;
        }
        try (AutoCloseable closing = (AutoCloseable) kernels) {
            try (Scope device = Scope.open(kernels)) {
                stepTogether(1, 63, 130);
            }
            assertThat(pool.keys(0).buffer().device().kind()).isEqualTo(Device.Kind.CUDA);
            pool.close();
            pool = new PagePool(CONFIG, 1, DType.F32);
            llama.close();
            llama = TinyLlama.frozen();
            assertThat(kernels.memory().liveBlocks()).isZero();
        }
    }

    private void stepTogether(int... lengths) {
        int last = lengths[lengths.length - 1];
        List<PagedCache> paged = new ArrayList<>();
        List<KeyValueCache> alone = new ArrayList<>();
        for (int length : lengths) {
            paged.add(new PagedCache(pool));
            alone.add(new KeyValueCache(CONFIG, 8));
            read(paged.getLast(), prompt(length, length));
            read(alone.getLast(), prompt(length, length));
        }
        paged.add(paged.getLast().fork());
        alone.add(new KeyValueCache(CONFIG, 8));
        read(alone.getLast(), prompt(last, last));
        for (int i = 0; i < 4; i++) {
            int[] tokens = new int[paged.size()];
            for (int s = 0; s < tokens.length; s++) {
                tokens[s] = 5 * s + i;
            }
            double[] together = step(paged, tokens);
            for (int s = 0; s < tokens.length; s++) {
                assertThat(Arrays.copyOfRange(together, 24 * s, 24 * s + 24))
                        .as("sequence %d, step %d", s, i)
                        .isEqualTo(step(List.of(alone.get(s)), tokens[s]));
            }
        }
        paged.forEach(PagedCache::close);
        alone.forEach(KeyValueCache::close);
    }

    @Test
    void sequencesOfBothKindsStepTogether() {
        try (KeyValueCache one = new KeyValueCache(CONFIG, 8);
                PagedCache paged = new PagedCache(pool);
                KeyValueCache reference = new KeyValueCache(CONFIG, 8)) {
            read(one, prompt(70, 1));
            read(paged, prompt(90, 2));
            read(reference, prompt(90, 2));
            double[] both = step(List.of(one, paged), 3, 4);
            assertThat(Arrays.copyOfRange(both, 24, 48)).isEqualTo(step(List.of(reference), 4));
        }
    }

    /** Sequences that come, fork, grow, shrink and go in any order: each has its own keys, and no page is lost. */
    @Test
    void anyOrderOfEverything() {
        Random random = new Random(3);
        List<PagedCache> live = new ArrayList<>();
        List<List<Double>> written = new ArrayList<>();
        double stamp = 1;
        for (int round = 0; round < 400; round++) {
            int what = random.nextInt(6);
            if (live.isEmpty() || what == 0) {
                live.add(new PagedCache(pool));
                written.add(new ArrayList<>());
                continue;
            }
            int i = random.nextInt(live.size());
            PagedCache cache = live.get(i);
            switch (what) {
                case 1 -> {
                    live.add(cache.fork());
                    written.add(new ArrayList<>(written.get(i)));
                }
                case 2 -> {
                    int to = random.nextInt(written.get(i).size() + 1);
                    cache.truncate(to, to);
                    written.get(i).subList(to, written.get(i).size()).clear();
                }
                case 3 -> {
                    cache.close();
                    live.remove(i);
                    written.remove(i);
                }
                default -> stamp = grow(cache, written.get(i), 1 + random.nextInt(90), stamp);
            }
            for (int j = 0; j < live.size(); j++) {
                check(live.get(j), written.get(j));
            }
        }
        live.forEach(PagedCache::close);
    }

    private static double grow(PagedCache cache, List<Double> written, int n, double stamp) {
        try {
            cache.reserve(n);
        } catch (CacheFullException _) {
            return stamp;
        }
        try (Scope inner = Scope.open()) {
            Tensor rows = Tensor.zeros(DType.F32, 1, n, 2, 4);
            for (int i = 0; i < n; i++) {
                rows.view().set(stamp + i, 0, i, 1, 2);
                written.add(stamp + i);
            }
            cache.write(1, rows, rows);
            cache.advance(n, cache.nextPosition() + n);
        }
        return stamp + n;
    }

    private static void check(PagedCache cache, List<Double> written) {
        try (Scope inner = Scope.open()) {
            Tensor keys = cache.keys(1, 0);
            assertThat(keys.size(1)).isEqualTo(written.size());
            for (int i = 0; i < written.size(); i++) {
                assertThat(keys.view().get(0, i, 1, 2)).isEqualTo(written.get(i));
            }
        }
    }
}
