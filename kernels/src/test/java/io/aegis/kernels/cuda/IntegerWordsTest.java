package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The words of integers.cuh against plain arithmetic, fragments as the PTX ISA has them ("Matrix Fragments for mma.m16n8k32"). */
class IntegerWordsTest {
    private static final Variant WORDS = Variant.of("integers.cu");

    private final Engine engine = CudaTwin.engine();

    private long upload(MemorySegment from) {
        long address = engine.allocate(from.byteSize());
        engine.upload(from, address);
        return address;
    }

    private int[] run(String entry, Arguments arguments, long out, int count) {
        engine.launch(engine.kernel(WORDS, entry), Engine.Grid.of(1, 32), arguments.packed());
        int[] got = new int[count];
        engine.download(out, MemorySegment.ofArray(got));
        return got;
    }

    /** Random bytes, and the extremes of both sides, whose sum needs 20 bits. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void products(int matrices) {
        Random random = new Random(3);
        for (int round = 0; round < 3; round++) {
            byte[] left = new byte[16 * 32];
            byte[] right = new byte[8 * 32];
            random.nextBytes(left);
            random.nextBytes(right);
            if (round == 2) {
                Arrays.fill(left, (byte) -128);
                Arrays.fill(right, (byte) -128);
            }
            int[] expected = random.ints(16 * 8).toArray();
            long out = upload(MemorySegment.ofArray(expected));
            for (int i = 0; i < 16; i++) {
                for (int j = 0; j < 8; j++) {
                    for (int k = 0; k < 32; k++) {
                        expected[8 * i + j] += left[32 * i + k] * right[32 * j + k];
                    }
                }
            }
            Arguments a = Arguments.begin()
                    .pointer(upload(MemorySegment.ofArray(left)))
                    .pointer(upload(MemorySegment.ofArray(right)))
                    .pointer(out)
                    .i32(matrices);
            assertThat(run("product_of_bytes", a, out, 128)).isEqualTo(expected);
        }
    }

    @Test
    void copiesOfOneNumber() {
        int[] in = new Random(4).ints(32).toArray();
        long from = upload(MemorySegment.ofArray(in));
        long out = engine.allocate(64 * 4);
        int[] got = run(
                "copied_numbers", Arguments.begin().pointer(from).pointer(out).i32(4), out, 64);
        for (int l = 0; l < 32; l++) {
            int x = (31 - l) % 3 == 2 ? 0 : in[31 - l];
            assertThat(got[l]).isEqualTo(x);
            assertThat(got[32 + l]).isEqualTo(x & 0xf0f0f0f0 ^ 0x80808080);
        }
    }

    @Test
    void whatIsRefused() {
        long from = upload(MemorySegment.ofArray(new int[32]));
        long out = engine.allocate(64 * 4);
        assertThatThrownBy(() -> run(
                        "copied_numbers",
                        Arguments.begin().pointer(from).pointer(out).i32(2),
                        out,
                        64))
                .hasMessageContaining("which is not aligned to 4 bytes");
        assertThatThrownBy(() -> run(
                        "copied_numbers",
                        Arguments.begin().pointer(from + 4).pointer(out).i32(4),
                        out,
                        64))
                .hasMessageContaining("reads 4 bytes at")
                .hasMessageContaining("0 bytes behind the end of a block of global memory of 128");
        assertThatThrownBy(() -> run(
                        "copied_too_early",
                        Arguments.begin().pointer(from).pointer(out).i32(1),
                        out,
                        32))
                .hasMessageContaining("while the copy to it");
        assertThatThrownBy(() -> run(
                        "copied_too_early",
                        Arguments.begin().pointer(from).pointer(out).i32(0),
                        out,
                        32))
                .hasMessageContaining("race");
    }
}
