package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BatchSamplerTest {
    @Property(tries = 200)
    void anEpochIsAPermutation(
            @ForAll @IntRange(min = 1, max = 40) int n,
            @ForAll @IntRange(min = 1, max = 12) int size,
            @ForAll long seed,
            @ForAll @IntRange(min = 0, max = 3) int epoch) {
        BatchSampler sampler =
                new BatchSampler(Samples.split(Samples.domain("a", n, 0)), BatchSampler.Options.training(size), seed);
        List<BatchPlan> batches = epoch(sampler, epoch);
        assertThat(batches).hasSize((n + size - 1) / size);
        assertThat(batches.subList(0, batches.size() - 1)).allMatch(b -> b.size() == size);
        List<Integer> indices = indices(batches);
        assertThat(indices)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, n).boxed().toList());
        for (BatchPlan batch : batches) {
            for (BatchPlan.Row row : batch.rows()) {
                assertThat(row.identity()).isEqualTo(row.index());
                assertThat(row.sample().id()).isEqualTo("a" + row.index());
            }
        }
    }

    @Property(tries = 100)
    void smallerLastBatchIsLeftOut(
            @ForAll @IntRange(min = 1, max = 40) int n, @ForAll @IntRange(min = 1, max = 12) int size) {
        Split split = Samples.split(Samples.domain("a", n, 0));
        BatchSampler.Options options = new BatchSampler.Options(size, true, true, Balance.NONE);
        if (n < size) {
            assertThatThrownBy(() -> new BatchSampler(split, options, 0))
                    .isInstanceOf(DataException.class)
                    .hasMessage("faces: " + n + " samples make no whole batch of " + size
                            + ", and smaller ones are left out");
        } else {
            List<BatchPlan> batches = epoch(new BatchSampler(split, options, 0), 0);
            assertThat(batches).hasSize(n / size).allMatch(b -> b.size() == size);
            assertThat(new HashSet<>(indices(batches))).hasSize(n / size * size);
        }
    }

    @Property(tries = 100)
    void resumingAnywhereGivesTheSameBatches(
            @ForAll @IntRange(min = 1, max = 30) int live,
            @ForAll @IntRange(min = 1, max = 30) int attacks,
            @ForAll @IntRange(min = 1, max = 9) int size,
            @ForAll Balance balance,
            @ForAll long seed,
            @ForAll @IntRange(min = 0, max = 200) int stop) {
        Split split = Samples.split(Samples.domain("a", live, attacks), Samples.domain("b", attacks, 3));
        BatchSampler.Options options = new BatchSampler.Options(size, true, false, balance);
        List<BatchPlan> whole = all(new BatchSampler(split, options, seed).batches(Position.START, 3));
        int done = stop % whole.size();
        Position next = done == 0
                ? Position.START
                : new BatchSampler(split, options, seed)
                        .after(whole.get(done - 1).position());
        List<BatchPlan> rest = all(new BatchSampler(split, options, seed).batches(next, 3));
        assertThat(rest).isEqualTo(whole.subList(done, whole.size()));
    }

    @Property(tries = 100)
    void balancedSharesDifferByAtMostOne(
            @ForAll @IntRange(min = 1, max = 30) int few,
            @ForAll @IntRange(min = 1, max = 60) int many,
            @ForAll @IntRange(min = 1, max = 16) int size,
            @ForAll long seed) {
        Split split = Samples.split(
                Samples.domain("a", few, many), Samples.domain("b", many, few), Samples.domain("c", few, few));
        checkShares(split, size, seed, Balance.DOMAIN_AND_LABEL, s -> s.domain() + s.label(), 6);
        checkShares(split, size, seed, Balance.DOMAIN, Sample::domain, 3);
    }

    private static void checkShares(
            Split split, int size, long seed, Balance balance, Function<Sample, String> cell, int cells) {
        BatchSampler sampler = new BatchSampler(split, new BatchSampler.Options(size, true, false, balance), seed);
        List<BatchPlan> batches = epoch(sampler, 0);
        assertThat(batches.stream().mapToInt(BatchPlan::size).sum()).isEqualTo(split.size());
        for (BatchPlan batch : batches) {
            Map<String, Long> shares = batch.rows().stream()
                    .collect(Collectors.groupingBy(r -> cell.apply(r.sample()), Collectors.counting()));
            long least = shares.size() < cells ? 0 : Collections.min(shares.values());
            assertThat(Collections.max(shares.values()) - least).isLessThanOrEqualTo(1);
            assertThat(batch.identities()).doesNotHaveDuplicates();
        }
    }

    @Test
    void smallCellsRepeatOnlyWhenAllOfThemWereThere() {
        Split split = Samples.split(Samples.domain("a", 3, 17));
        BatchSampler.Options options = new BatchSampler.Options(4, true, false, Balance.DOMAIN_AND_LABEL);
        List<BatchPlan.Row> live = epoch(new BatchSampler(split, options, 5), 0).stream()
                .flatMap(b -> b.rows().stream())
                .filter(r -> r.sample().bonaFide())
                .toList();
        assertThat(live).hasSize(10);
        for (int i = 0; i < live.size(); i++) {
            assertThat(live.get(i).identity()).isEqualTo(live.get(i).index() + i / 3 * 20L);
        }
        assertThat(live.subList(0, 3)).extracting(BatchPlan.Row::index).containsExactlyInAnyOrder(0, 1, 2);
        assertThat(live.subList(3, 6)).extracting(BatchPlan.Row::index).containsExactlyInAnyOrder(0, 1, 2);
    }

    @Test
    void epochsAndSeedsDiffer() {
        Split split = Samples.split(Samples.domain("a", 50, 0));
        BatchSampler sampler = new BatchSampler(split, BatchSampler.Options.training(50), 1);
        List<Integer> first = indices(epoch(sampler, 0));
        assertThat(first).isNotEqualTo(indices(epoch(sampler, 1)));
        assertThat(first).isNotEqualTo(IntStream.range(0, 50).boxed().toList());
        assertThat(first)
                .isNotEqualTo(indices(epoch(new BatchSampler(split, BatchSampler.Options.training(50), 2), 0)));
        assertThat(first).isEqualTo(indices(epoch(sampler, 0)));
    }

    /** Every sample comes first equally often, within five standard errors. */
    @Test
    void shufflesEvenly() {
        int n = 5;
        int epochs = 5000;
        BatchSampler sampler =
                new BatchSampler(Samples.split(Samples.domain("a", n, 0)), BatchSampler.Options.training(1), 9);
        for (int step : new int[] {0, n - 1}) {
            int[] counts = new int[n];
            for (int epoch = 0; epoch < epochs; epoch++) {
                counts[
                        sampler.batch(new Position(epoch, step))
                                .rows()
                                .getFirst()
                                .index()]++;
            }
            double error = Math.sqrt(epochs * (1.0 / n) * (1 - 1.0 / n));
            assertThat(IntStream.of(counts)).allMatch(c -> Math.abs(c - epochs / n) <= 5 * error);
        }
    }

    /** The same order as ever, whatever changes in the code: a resumed run must not change its batches. */
    @Test
    void known() {
        BatchSampler sampler =
                new BatchSampler(Samples.split(Samples.domain("a", 10, 0)), BatchSampler.Options.training(10), 42);
        assertThat(indices(epoch(sampler, 0))).containsExactly(6, 1, 8, 3, 4, 0, 5, 9, 7, 2);
    }

    @Test
    void evaluationIsInOrder() {
        BatchSampler sampler =
                new BatchSampler(Samples.split(Samples.domain("a", 3, 4)), BatchSampler.Options.evaluation(3), 42);
        assertThat(epoch(sampler, 0)).extracting(BatchPlan::size).containsExactly(3, 3, 1);
        assertThat(indices(epoch(sampler, 0))).containsExactly(0, 1, 2, 3, 4, 5, 6);
    }

    @Test
    void positionsBeyondTheEndOfAnEpoch() {
        BatchSampler sampler =
                new BatchSampler(Samples.split(Samples.domain("a", 7, 0)), BatchSampler.Options.training(3), 0);
        assertThat(sampler.after(new Position(0, 1))).isEqualTo(new Position(0, 2));
        assertThat(sampler.after(new Position(0, 2))).isEqualTo(new Position(1, 0));
        assertThatThrownBy(() -> sampler.batch(new Position(0, 3)))
                .isInstanceOf(DataException.class)
                .hasMessage("faces: step 3 of an epoch of 3 steps; the data or the batch size are not those of the"
                        + " stored position");
        assertThatThrownBy(() -> new Position(-1, 0)).hasMessage("epoch -1, step 0; expected numbers from 0");
        Iterator<BatchPlan> none = sampler.batches(new Position(2, 0), 2);
        assertThat(none.hasNext()).isFalse();
        assertThatThrownBy(none::next).isInstanceOf(NoSuchElementException.class);
    }

    @Test
    void nothingToSample() {
        assertThatThrownBy(() -> new BatchSampler(new Split("x", List.of()), BatchSampler.Options.training(1), 0))
                .isInstanceOf(DataException.class)
                .hasMessage("x: no samples to make batches of");
        assertThatThrownBy(() -> BatchSampler.Options.training(0)).hasMessage("batch size 0; expected at least 1");
    }

    private static List<BatchPlan> epoch(BatchSampler sampler, long epoch) {
        return all(sampler.batches(new Position(epoch, 0), epoch + 1));
    }

    private static List<BatchPlan> all(Iterator<BatchPlan> batches) {
        List<BatchPlan> all = new ArrayList<>();
        batches.forEachRemaining(all::add);
        return all;
    }

    private static List<Integer> indices(List<BatchPlan> batches) {
        return batches.stream()
                .flatMap(b -> b.rows().stream())
                .map(BatchPlan.Row::index)
                .toList();
    }
}
