package io.aegis.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A process that answers, and every way for it to be absent: before it is ready, at work, and between. */
class WorkerProcessTest {
    @Test
    void answersAreReadBetweenTalk() {
        try (Contender worker = shell("echo loading; echo '{\"ready\": \"peer 1\"}';"
                + " read a; echo talk; echo '{\"ms\": 2.5}'; read a; echo '{\"ms\": 3}'; read a")) {
            assertThat(worker.name()).isEqualTo("peer 1 f32");
            assertThat(worker.run()).isEqualTo(2.5);
            assertThat(worker.run()).isEqualTo(3);
        }
    }

    @Test
    void absentBeforeItIsReady() {
        assertAbsent("echo '{\"absent\": \"needs a library\"}'; read a", "needs a library");
        assertAbsent("echo loading; echo no such library >&2; exit 3", "ended with status 3 and said: no such library");
        assertAbsent("kill -ABRT $$", "ended with status 134 and said: nothing");
        assertThatThrownBy(() -> new WorkerProcess(List.of("/no/such/program"), ""))
                .isInstanceOf(AbsentException.class)
                .hasMessageContaining("cannot be started")
                .hasMessageContaining("/no/such/program");
    }

    @Test
    void endsAtWorkAndTellsItsLastWords() {
        String ready = "echo '{\"ready\": \"peer 1\"}'; read a; ";
        assertEndsInRun(ready + "echo terminate called; kill -ABRT $$", "status 134 and said: terminate called");
        assertEndsInRun(ready + "echo '{\"absent\": \"it failed: no memory\"}'; read a", "it failed: no memory");
        assertEndsInRun(ready + "printf '{\"ms\": 1'; exit 1", "status 1 and said: {\"ms\": 1");
    }

    /** What was ended from outside, as where memory is short, breaks the pipe that the next round writes to. */
    @Test
    void hasEndedBetweenTwoRounds() {
        try (WorkerProcess worker = shell("echo \"{\\\"ready\\\": \\\"$$\\\"}\"; echo killed; exit 7")) {
            ProcessHandle.of(Long.parseLong(worker.name().split(" ")[0]))
                    .ifPresent(p -> p.onExit().join());
            assertThatThrownBy(worker::run)
                    .isInstanceOf(AbsentException.class)
                    .hasMessage("its process ended with status 7 and said: killed");
        }
    }

    @Test
    void javaContenderAnswersFromItsOwnProcess() {
        try (Contender worker = java("pid")) {
            assertThat(worker.name())
                    .startsWith("pid by 3 in ")
                    .doesNotEndWith(" " + ProcessHandle.current().pid());
            assertThat(worker.run()).isEqualTo(1);
            assertThat(worker.run()).isEqualTo(2);
        }
    }

    @Test
    void javaContenderThatFailsOrEndsIsAbsent() {
        assertThatThrownBy(() -> java("broken"))
                .isInstanceOf(AbsentException.class)
                .hasMessage("it did not start: java.lang.UnsatisfiedLinkError: no library");
        try (Contender worker = java("failing")) {
            assertThatThrownBy(worker::run)
                    .isInstanceOf(AbsentException.class)
                    .hasMessage("it failed: java.lang.IllegalStateException: no memory");
        }
        try (Contender worker = java("aborting")) {
            assertThatThrownBy(worker::run)
                    .isInstanceOf(AbsentException.class)
                    .hasMessage("its process ended with status 134 and said: terminate called");
        }
    }

    /** Opened by a {@link ContenderWorker}; the file's name says what becomes of it. */
    static final class Scripted implements Contender {
        private final String fate;
        private final int threads;
        private int runs;

        Scripted(Path file, int threads) {
            fate = file.toString();
            this.threads = threads;
            if (fate.equals("broken")) {
                throw new UnsatisfiedLinkError("no library");
            }
        }

        @Override
        public String name() {
            return fate + " by " + threads + " in " + ProcessHandle.current().pid();
        }

        @Override
        public double run() {
            if (fate.equals("failing")) {
                throw new IllegalStateException("no memory");
            }
            if (fate.equals("aborting")) {
                System.err.println("terminate called");
                Runtime.getRuntime().halt(134);
            }
            return ++runs;
        }

        @Override
        public void close() {}
    }

    private static WorkerProcess java(String fate) {
        return new WorkerProcess(ProfilePeer.command(Scripted.class.getName(), Path.of(fate), 3), "");
    }

    private static WorkerProcess shell(String script) {
        return new WorkerProcess(List.of("sh", "-c", script), " f32");
    }

    private static void assertAbsent(String script, String why) {
        assertThatThrownBy(() -> shell(script))
                .isInstanceOf(AbsentException.class)
                .hasMessageContaining(why);
    }

    private static void assertEndsInRun(String script, String why) {
        try (Contender worker = shell(script)) {
            assertThatThrownBy(worker::run).isInstanceOf(AbsentException.class).hasMessageContaining(why);
        }
    }
}
