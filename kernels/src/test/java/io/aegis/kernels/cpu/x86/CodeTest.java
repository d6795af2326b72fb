package io.aegis.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(value = OS.LINUX, architectures = "amd64", disabledReason = "machine code is for Linux on amd64")
class CodeTest {
    @Test
    void addressesAndCountsArriveInTheirRegisters() {
        Assembler a = new Assembler();
        // d[0] = b, d[1] = c + i, d[2] = a + j
        a.mov(Gp.RAX, Gp.RSI);
        a.movd(Gp.RCX.at(0), Gp.RAX);
        a.lea(Gp.RAX, Gp.RDX.at(Gp.R8, 1, 0));
        a.movd(Gp.RCX.at(4), Gp.RAX);
        a.add(Gp.R9, Gp.RDI);
        a.movd(Gp.RCX.at(8), Gp.R9);
        a.ret();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment d = arena.allocate(12);
            new Code(a.bytes())
                    .call(
                            MemorySegment.ofAddress(5),
                            MemorySegment.ofAddress(7),
                            MemorySegment.ofAddress(11),
                            d,
                            100,
                            1000);
            assertThat(d.toArray(ValueLayout.JAVA_INT)).containsExactly(7, 111, 1005);
        }
    }

    @Test
    void theProcessorIsWhatTheSystemSaysItIs() throws Exception {
        String flags = Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                        .filter(l -> l.startsWith("flags"))
                        .findFirst()
                        .orElseThrow()
                + " ";
        assertThat(Processor.ask())
                .isEqualTo(new Processor(
                        flags.contains(" avx2 "),
                        flags.contains(" fma "),
                        flags.contains(" f16c "),
                        flags.contains(" avx512f ")));
    }
}
