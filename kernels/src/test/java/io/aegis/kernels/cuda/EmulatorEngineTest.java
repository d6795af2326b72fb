package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Philox;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Each word of common.cuh against what it says, by the kernels of verbs.cu. */
class EmulatorEngineTest {
    private static final Variant VERBS = Variant.of("verbs.cu");

    private final Engine engine = CudaTwin.engine();

    private long upload(MemorySegment from) {
        long address = engine.allocate(from.byteSize());
        engine.upload(from, address);
        return address;
    }

    private int[] ints(long address, int count) {
        int[] out = new int[count];
        engine.download(address, MemorySegment.ofArray(out));
        return out;
    }

    private void launch(String entry, Engine.Grid grid, Arguments arguments) {
        engine.launch(engine.kernel(VERBS, entry), grid, arguments.packed());
    }

    private static int bits(double x) {
        return Float.floatToRawIntBits((float) x);
    }

    @Test
    void wordsOfAWarp() {
        long out = engine.allocate(4 * 64 * 18);
        launch("warp_words", Engine.Grid.of(1, 64), Arguments.begin().pointer(out));
        int[] got = ints(out, 64 * 18);
        for (int t = 0; t < 64; t++) {
            int first = t / 32 * 32;
            int lane = t % 32;
            int votes = 0;
            int sum = 0;
            int max = 0;
            for (int l = 0; l < 32; l++) {
                votes |= (first + l) % 3 == 0 ? 1 << l : 0;
                sum += first + l;
                max = Math.max(max, first + l ^ 21);
            }
            int[] expected = {
                t ^ 5,
                -(t ^ 16),
                bits(t ^ 1),
                first + 7,
                -(first + 31 - lane),
                bits(first),
                lane < 3 ? t : t - 3,
                votes,
                Integer.bitCount(t),
                t == 0 ? -1 : Integer.numberOfTrailingZeros(t),
                Integer.numberOfLeadingZeros(t),
                (int) ((0x9E3779B9L * ((long) t << 20)) >>> 32),
                bits(sum),
                bits(max),
                lane + 100 * (t / 32),
                0x77110044 + (t << 8),
                (int) (Double.doubleToRawLongBits(0.5 + (t ^ 9)) >>> 32),
                (int) (Double.doubleToRawLongBits(0x1p-40 * sum) >>> 32)
            };
            for (int v = 0; v < expected.length; v++) {
                assertThat(got[v * 64 + t]).as("word %d, thread %d", v, t).isEqualTo(expected[v]);
            }
        }
    }

    @Test
    void sumsOfABlockInEveryPlaceOfTheGrid() {
        for (int threads : new int[] {32, 64, 416, 1024}) {
            long out = engine.allocate(8 * 30);
            launch(
                    "block_words",
                    new Engine.Grid(5, 3, 2, threads, 0),
                    Arguments.begin().pointer(out));
            int max = 0;
            for (int t = 0; t < threads; t++) {
                max = Math.max(max, t ^ 77);
            }
            int[] got = ints(out, 60);
            for (int b = 0; b < 30; b++) {
                assertThat(got[2 * b]).as("block %d", b).isEqualTo(bits(threads * (threads - 1) / 2));
                assertThat(got[2 * b + 1]).as("block %d", b).isEqualTo(bits(max));
            }
        }
    }

    @Test
    void halvesOfABlockMeetAtTheirOwnBarriers() {
        long out = engine.allocate(4 * 3 * 128);
        launch(
                "named_barriers",
                new Engine.Grid(1, 1, 1, 128, 512),
                Arguments.begin().pointer(out));
        int[] got = ints(out, 3 * 128);
        for (int i = 0; i < got.length; i++) {
            int t = i % 128;
            assertThat(got[i]).isEqualTo(i / 128 * 1000 + t / 64 * 64 + 63 - t % 64);
        }
    }

    @Test
    void conversions() {
        Random random = new Random(1);
        float[] in = new float[4000];
        float[] special = {
            0f,
            -0f,
            1f,
            -1f,
            Float.NaN,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            65504f,
            65519.996f,
            65520f,
            -65520f,
            1e30f,
            0x1p-24f,
            0x1p-25f,
            0x1.000002p-25f,
            0x1.8p-24f,
            0x1.ffcp-15f,
            0x1.ffep-15f,
            0x1.fffp-15f,
            0x1p-14f,
            1.00390625f,
            1.01171875f,
            1.0000001f,
            0x1.002p0f,
            0x1.006p0f,
            Float.MAX_VALUE,
            0x1p-126f,
            3f
        };
        System.arraycopy(special, 0, in, 0, special.length);
        for (int i = special.length; i < in.length; i++) {
            in[i] = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(60) - 30));
        }
        long from = upload(MemorySegment.ofArray(in));
        long out = engine.allocate(32L * in.length);
        launch(
                "conversions",
                Engine.Grid.of(1, 32),
                Arguments.begin().pointer(from).pointer(out).i32(in.length));
        int[] got = ints(out, 8 * in.length);
        for (int i = 0; i < in.length; i++) {
            float x = in[i];
            int b = Float.isNaN(x) ? 0x7fff : bfloat16(x);
            int h = Float.isNaN(x) ? 0x7fff : Float.floatToFloat16(x) & 0xffff;
            close(got[8 * i], flush(Math.pow(2, flush(x))), "ex2 of " + x);
            close(got[8 * i + 1], Math.log(flush(x)) / Math.log(2), "lg2 of " + x);
            close(got[8 * i + 2], flush(1 / (double) flush(x)), "reciprocal of " + x);
            assertThat(got[8 * i + 3]).as("bf16 of %s", x).isEqualTo(b | 0x3f80 << 16);
            assertThat(got[8 * i + 4]).as("f16 of %s", x).isEqualTo(h | 0x3c00 << 16);
            assertThat(got[8 * i + 5]).as("from bf16 of %s", x).isEqualTo(b << 16);
            assertThat(Float.floatToIntBits(Float.intBitsToFloat(got[8 * i + 6])))
                    .as("from f16 of %s", x)
                    .isEqualTo(Float.floatToIntBits(Float.float16ToFloat((short) h)));
            assertThat(got[8 * i + 7]).isEqualTo(Float.floatToRawIntBits(x));
        }
    }

    /** To nearest, ties to even, by the remainder that is cut off. */
    private static int bfloat16(float x) {
        int bits = Float.floatToRawIntBits(x);
        int kept = bits >>> 16;
        int cut = bits & 0xffff;
        return cut > 0x8000 || cut == 0x8000 && (kept & 1) == 1 ? kept + 1 : kept;
    }

    private static float flush(double x) {
        float f = (float) x;
        return Math.abs(f) < Float.MIN_NORMAL ? Math.copySign(0f, f) : f;
    }

    private static void close(int bits, double expected, String what) {
        float got = Float.intBitsToFloat(bits);
        float e = (float) expected;
        assertThat(got == e || Float.isNaN(got) && Float.isNaN(e) || Math.abs(got - e) <= 2 * Math.ulp(e))
                .as("%s: expected %s, got %s", what, e, got)
                .isTrue();
    }

    @Test
    void foursOfEachFormat() {
        float[] in = new float[128];
        for (int i = 0; i < 128; i++) {
            in[i] = (i - 60) * 1.0009765625f;
        }
        long floats = engine.allocate(4 * 256);
        launch(
                "fours",
                Engine.Grid.of(1, 32),
                Arguments.begin()
                        .pointer(upload(MemorySegment.ofArray(in)))
                        .pointer(floats)
                        .pointer(engine.allocate(2 * 128))
                        .pointer(engine.allocate(2 * 128)));
        int[] got = ints(floats, 256);
        for (int i = 0; i < 128; i++) {
            assertThat(got[i]).isEqualTo(bits(in[i]));
            float brain = Float.intBitsToFloat(bfloat16(in[i]) << 16);
            float half = Float.float16ToFloat(Float.floatToFloat16(in[i]));
            assertThat(got[128 + i]).as("of %s", in[i]).isEqualTo(bits(brain - half));
        }
    }

    @Test
    void philoxAsInJava() {
        int count = 100;
        int[] counters = new Random(2).ints(4 * count).toArray();
        long seed = 0x1234_5678_9abc_def0L;
        long at = upload(MemorySegment.ofArray(counters));
        launch(
                "draw",
                Engine.Grid.cover(count, 128),
                Arguments.begin().i64(seed).pointer(at).i32(count));
        int[] got = ints(at, 4 * count);
        for (int i = 0; i < count; i++) {
            int[] c = {counters[4 * i], counters[4 * i + 1], counters[4 * i + 2], counters[4 * i + 3]};
            Philox.block(seed, c);
            assertThat(new int[] {got[4 * i], got[4 * i + 1], got[4 * i + 2], got[4 * i + 3]})
                    .isEqualTo(c);
        }
    }

    @Test
    void productOfMatricesAgainstPlainArithmetic() {
        Random random = new Random(3);
        for (int half = 0; half < 2; half++) {
            for (int transposed = 0; transposed < 2; transposed++) {
                // Eighths up to 4: exact in both formats, and so is every sum.
                float[] left = new float[16 * 16];
                float[] right = new float[16 * 8];
                float[] out = new float[16 * 8];
                for (float[] m : new float[][] {left, right, out}) {
                    for (int i = 0; i < m.length; i++) {
                        m[i] = (random.nextInt(65) - 32) / 8f;
                    }
                }
                float[] expected = out.clone();
                for (int i = 0; i < 16; i++) {
                    for (int j = 0; j < 8; j++) {
                        for (int k = 0; k < 16; k++) {
                            expected[i * 8 + j] += left[i * 16 + k] * right[transposed == 1 ? k * 8 + j : j * 16 + k];
                        }
                    }
                }
                long d = upload(MemorySegment.ofArray(out));
                launch(
                        "product",
                        Engine.Grid.of(1, 32),
                        Arguments.begin()
                                .pointer(upload(MemorySegment.ofArray(halves(left, half == 1))))
                                .pointer(upload(MemorySegment.ofArray(halves(right, half == 1))))
                                .pointer(d)
                                .i32(half)
                                .i32(transposed));
                engine.download(d, MemorySegment.ofArray(out));
                assertThat(out).as("half %d, transposed %d", half, transposed).isEqualTo(expected);
            }
        }
    }

    private static short[] halves(float[] x, boolean half) {
        short[] out = new short[x.length];
        for (int i = 0; i < x.length; i++) {
            out[i] = half ? Float.floatToFloat16(x[i]) : (short) bfloat16(x[i]);
        }
        return out;
    }

    @Test
    void asynchronousCopiesOfSomeBytes() {
        byte[] in = new byte[2048];
        new Random(4).nextBytes(in);
        long from = upload(MemorySegment.ofArray(in));
        long to = engine.allocate(2048);
        launch(
                "partial_copies",
                new Engine.Grid(1, 1, 1, 64, 2048),
                Arguments.begin().pointer(from).pointer(to));
        byte[] got = new byte[2048];
        engine.download(to, MemorySegment.ofArray(got));
        for (int i = 0; i < 1024; i++) {
            assertThat(got[i]).as("byte %d", i).isEqualTo(i % 16 < i / 16 % 17 ? in[i] : 0);
            assertThat(got[1024 + i]).isEqualTo(in[1024 + i]);
        }
    }

    @Test
    void atomicsCountAllBlocks() {
        long memory = engine.allocate(256);
        engine.fill(memory, (byte) 0, 256);
        launch(
                "count",
                Engine.Grid.of(37, 64),
                Arguments.begin().pointer(memory).pointer(memory + 4).pointer(memory + 8));
        assertThat(ints(memory, 3)).containsExactly(37, bits(37 * 64 / 2), 37);
    }

    @Test
    void positionInAStridedView() {
        float[] in = new float[1000];
        for (int i = 0; i < in.length; i++) {
            in[i] = i;
        }
        long from = upload(MemorySegment.ofArray(in));
        long to = engine.allocate(4 * 70);
        long[] shape = {7, 2, 5};
        long[] strides = {3, 400, 31};
        launch(
                "gather",
                Engine.Grid.cover(70, 64),
                Arguments.begin().view(from, shape, strides).pointer(to).i64(70));
        float[] got = new float[70];
        engine.download(to, MemorySegment.ofArray(got));
        for (int i = 0; i < 70; i++) {
            assertThat(got[i]).isEqualTo(i / 10 * 3 + i / 5 % 2 * 400 + i % 5 * 31);
        }
    }

    @Test
    void errorsSayWhatWasGiven() {
        assertThatThrownBy(() -> engine.kernel(VERBS, "nobody")).hasMessage("there is no kernel nobody in verbs.cu");
        assertThatThrownBy(() -> engine.kernel(Variant.of("nothing.cu"), "nobody"))
                .hasMessageContaining("nothing.cu");
        assertThatThrownBy(() -> engine.kernel(VERBS.with("WARP", "=?"), "draw"))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining("error:");
        assertThatThrownBy(() ->
                        launch("draw", Engine.Grid.of(1, 32), Arguments.begin().i64(0)))
                .hasMessageContaining("draw: arguments of 8 bytes, its struct has 24");
        assertThatThrownBy(() -> launch(
                        "draw",
                        Engine.Grid.of(1, 256),
                        Arguments.begin().i64(0).i64(0).i32(0)))
                .hasMessageContaining("256 threads a block, declared for at most 128");
        assertThatThrownBy(() -> launch(
                        "draw",
                        Engine.Grid.of(0, 32),
                        Arguments.begin().i64(0).i64(0).i32(0)))
                .hasMessageContaining("a grid of 0 x 1 x 1 blocks");
    }
}
