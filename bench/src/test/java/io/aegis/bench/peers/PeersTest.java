package io.aegis.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.bench.peers.Work.Other;
import io.aegis.cli.bench.Ceiling;
import io.aegis.cli.bench.Ceilings;
import io.aegis.cli.workload.Compute;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the table says of those that are there, and of those that are not: us among them. */
class PeersTest {
    private static final Ceilings NO_BFLOAT = new Ceilings(
            List.of(new Ceiling("fma, 1", 1, "GFLOP/s"), new Ceiling("fma, all", 2, "GFLOP/s")),
            List.of(new Ceiling("read, 1", 1, "GB/s"), new Ceiling("read, all", 2, "GB/s")),
            new Ceiling("product", 2, "GFLOP/s"),
            List.of());

    @Test
    void oursStandsBesideThePeer() {
        assertThat(row(Compute.F32, () -> taking("Aegis", 30), new Other("peer", () -> taking("peer 1", 60))))
                .isEqualTo("| work | 30 ms | peer 1: 60 ms | 0.50 | 1000 ms |\n");
    }

    @Test
    void weMayBeAbsentAsAnybody() {
        Supplier<Contender> ours = () -> {
            throw new AbsentException("no instructions");
        };
        assertThat(row(Compute.BF16, ours, new Other("peer", () -> taking("peer 1", 60)), Tools.absent("other", "why")))
                .isEqualTo("""
                        | work |  | peer 1: 60 ms |  |  |
                        | work | | Aegis is absent: no instructions | | |
                        | work | | other is absent: why | | |
                        """);
        assertThat(row(Compute.BF16, ours, Tools.absent("other", "why"))).isEqualTo("""
                        | work | | Aegis is absent: no instructions | | |
                        | work | | other is absent: why | | |
                        """);
    }

    @Test
    void whoEndsInTheMiddleIsNamedAndTheOthersGoOn() {
        AtomicInteger ours = new AtomicInteger();
        AtomicInteger closed = new AtomicInteger();
        Contender dying = new Contender() {
            private int runs;

            @Override
            public String name() {
                return "dying 2";
            }

            @Override
            public double run() {
                if (runs++ < 2) {
                    return 1;
                }
                throw new AbsentException("its process ended with status 134 and said: a | b");
            }

            @Override
            public void close() {
                closed.incrementAndGet();
            }
        };
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        Work work = new Work(
                "work",
                () -> taking("Aegis", 30, ours),
                Compute.F32,
                List.of(new Other("dying", () -> dying), new Other("peer", () -> taking("peer 1", 60))),
                2e9,
                0,
                0);
        assertThat(Peers.row(work, 3, NO_BFLOAT, json).replace(System.lineSeparator(), "\n"))
                .isEqualTo("""
                        | work | 30 ms | peer 1: 60 ms | 0.50 | 1000 ms |
                        | work | | dying is absent: its process ended with status 134 and said: a / b | | |
                        """);
        assertThat(ours).as("a warm-up and three rounds").hasValue(4);
        assertThat(closed).hasValue(1);
        assertThat(json.path("ms")).hasSize(2);
        assertThat(json.path("absent")).hasSize(1);
    }

    /** A row of the table each, and PyTorch's bfloat16 beside each of ours. */
    @Test
    void whatIsComputedInBfloatMeetsItsPeers() {
        List<Work> rows = Work.all(new Tools(Path.of("."), null, null, Path.of(".")));
        assertThat(rows.stream().filter(w -> w.compute() == Compute.BF16).map(PeersTest::named))
                .containsExactly(
                        "siglip-so400m-384, one picture, bf16: PyTorch bf16, DJL bf16",
                        "clip-l-336, one picture, bf16: PyTorch bf16, DJL bf16",
                        "llama-3.2-1b, a prompt of 512, bf16, computed in bf16: PyTorch bf16, llama.cpp bf16",
                        "llama-3.2-3b, a prompt of 512, int8, computed in bf16: llama.cpp q8_0",
                        "dadm forward of 1, bf16: PyTorch bf16",
                        "dadm forward of 8, bf16: PyTorch bf16",
                        "dadm step of 4, 1 of its losses back, bf16: PyTorch bf16",
                        "dadm step of 4, 4 of its losses back, bf16: PyTorch bf16",
                        "bunny-llama3-8b, int4, RGB and SAV, prompt of 1522, answer of 30, computed in bf16: any peer");
        assertThat(rows.stream().map(Work::name)).doesNotHaveDuplicates();
    }

    private static String named(Work w) {
        return w.name() + ": " + w.peers().stream().map(Other::name).collect(Collectors.joining(", "));
    }

    private static String row(Compute compute, Supplier<Contender> ours, Other... peers) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        Work work = new Work("work", ours, compute, List.of(peers), 2e9, 0, 0);
        return Peers.row(work, 1, NO_BFLOAT, json).replace(System.lineSeparator(), "\n");
    }

    private static Contender taking(String name, double ms) {
        return taking(name, ms, new AtomicInteger());
    }

    private static Contender taking(String name, double ms, AtomicInteger runs) {
        return new Contender() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public double run() {
                runs.incrementAndGet();
                return ms;
            }

            @Override
            public void close() {}
        };
    }
}
