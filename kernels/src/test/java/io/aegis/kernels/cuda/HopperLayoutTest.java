package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntBinaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every place of a tile, of a factor and of a sum, each by a value of its own, beside the places that the PTX ISA gives: the
 * exchange of chunks in shared memory ("Tensor swizzling modes"), and fragments of wgmma.m64nNk16 ("Register fragments"). Products
 * with a matrix of zeros and ones are exact, so what comes out tells which element went in.
 */
class HopperLayoutTest {
    private static final int THREADS = 128;
    private static final int ROWS = 64;
    private static final short ONE = 0x3c00;

    private record Shape(int width, int count) {
        int columns() {
            return 2 * count;
        }

        int slab() {
            return width / 2;
        }

        Variant variant() {
            return Variant.of("layout_sm90a.cu").with("WIDTH", width).with("SUMS", count);
        }
    }

    /** A half precision value of its own for each number below 2^14: none is zero, infinite or NaN. */
    private static short own(int number) {
        return (short) (0x400 + number);
    }

    private final Engine engine = CudaTwin.engine();
    private final List<Long> blocks = new ArrayList<>();

    private long upload(MemorySegment values) {
        long at = engine.allocate(values.byteSize());
        blocks.add(at);
        engine.upload(values, at);
        return at;
    }

    private TensorMap map(int rows, int columns, int boxRows, int boxColumns, IntBinaryOperator value) {
        int pitch = (columns + 7) / 8 * 8;
        short[] all = new short[rows * pitch];
        for (int i = 0; i < rows * pitch; i++) {
            all[i] = i % pitch < columns ? (short) value.applyAsInt(i / pitch, i % pitch) : own(0x3fff);
        }
        long[] strides = {pitch, pitch, pitch};
        return new TensorMap(
                upload(MemorySegment.ofArray(all)), DType.F16, new long[] {columns, rows, 1, 1}, strides, new int[] {
                    boxColumns, boxRows, 1, 1
                });
    }

    private void launch(Shape shape, String entry, Arguments arguments, int shared) {
        engine.launch(
                engine.kernel(shape.variant(), entry), new Engine.Grid(1, 1, 1, THREADS, shared), arguments.packed());
        blocks.forEach(engine::free);
        blocks.clear();
    }

    /** Rows and columns outside of the map are zero; a row's chunks are exchanged by where the row begins. */
    @ParameterizedTest
    @CsvSource({"128, 32, 7", "64, 48, 3", "32, 40, 1"})
    void aTileLiesExchanged(int width, int count, int mask) {
        Shape shape = new Shape(width, count);
        int columns = shape.slab() + 5;
        int y = 9;
        int x = 8;
        TensorMap map = map(60, columns, ROWS, shape.slab(), (r, c) -> own(r * columns + c));
        short[] got = new short[ROWS * shape.slab()];
        long out = engine.allocate(2L * got.length);
        launch(
                shape,
                "tile_bytes",
                Arguments.begin().map(engine, map).pointer(out).i32(x).i32(y),
                ROWS * width);
        engine.download(out, MemorySegment.ofArray(got));
        engine.free(out);
        for (int r = 0; r < ROWS; r++) {
            for (int c = 0; c < shape.slab(); c++) {
                int begins = r * width / 128;
                int place = r * shape.slab() + (c / 8 ^ begins & mask) * 8 + c % 8;
                boolean inside = r + y < 60 && c + x < columns;
                assertThat(got[place])
                        .as("row %d, column %d", r, c)
                        .isEqualTo(inside ? own((r + y) * columns + c + x) : 0);
            }
        }
    }

    /**
     * A box of pixels, as convolutions take them: rows in the order of its places, lines and pictures, those outside of the map zero, on
     * whichever side they lie.
     */
    @ParameterizedTest
    @CsvSource({"0, -1, -1, 0", "64, 1, -2, 2", "-8, 4, 3, -1", "8, -3, 0, 1", "0, 0, -2, 0"})
    void aBoxReachesBeyondTheMapOnEverySide(int x, int y, int z, int w) {
        Shape shape = new Shape(128, 32);
        int[] size = {72, 5, 4, 3};
        int[] box = {64, 3, 2, 4};
        int rows = box[1] * box[2] * box[3];
        short[] all = new short[72 * 5 * 4 * 3];
        for (int i = 0; i < all.length; i++) {
            all[i] = own(i);
        }
        TensorMap map = new TensorMap(
                upload(MemorySegment.ofArray(all)),
                DType.F16,
                new long[] {72, 5, 4, 3},
                new long[] {72, 72 * 5, 72 * 5 * 4},
                box);
        short[] got = new short[rows * 64];
        long out = engine.allocate(2L * got.length);
        Arguments arguments = Arguments.begin().map(engine, map).pointer(out);
        launch(
                shape,
                "box_bytes",
                arguments.i32(x).i32(y).i32(z).i32(w).i32(rows).i32(0),
                rows * 128);
        engine.download(out, MemorySegment.ofArray(got));
        engine.free(out);
        for (int r = 0; r < rows; r++) {
            int[] at = {0, y + r % 3, z + r / 3 % 2, w + r / 6};
            for (int c = 0; c < 64; c++) {
                at[0] = x + c;
                boolean inside = true;
                int number = 0;
                for (int d = 3; d >= 0; d--) {
                    inside &= at[d] >= 0 && at[d] < size[d];
                    number = number * size[d] + at[d];
                }
                assertThat(got[r * 64 + (c / 8 ^ r & 7) * 8 + c % 8])
                        .as("row %d, column %d", r, c)
                        .isEqualTo(inside ? own(number) : 0);
            }
        }
    }

    /** Sums of each thread, [i][thread], by row and column. */
    private static float[][] matrix(float[] sums, int count) {
        float[][] d = new float[ROWS][2 * count];
        for (int t = 0; t < THREADS; t++) {
            for (int i = 0; i < count; i++) {
                d[16 * (t / 32) + t % 32 / 4 + 8 * (i / 2 % 2)][8 * (i / 4) + 2 * (t % 4) + i % 2] =
                        sums[i * THREADS + t];
            }
        }
        return d;
    }

    private float[][] fromRegisters(Shape shape, IntBinaryOperator a, IntBinaryOperator b) {
        TensorMap right =
                map(ROWS, shape.columns(), ROWS, shape.slab(), (k, j) -> k < 32 ? own(0) : b.applyAsInt(k - 32, j));
        int[] left = new int[8 * THREADS];
        for (int t = 0; t < THREADS; t++) {
            for (int i = 0; i < 8; i++) {
                int row = 16 * (t / 32) + t % 32 / 4 + 8 * (i % 2);
                int column = 16 * (i / 4) + 8 * (i / 2 % 2) + 2 * (t % 4);
                left[i * THREADS + t] = a.applyAsInt(row, column) & 0xffff | a.applyAsInt(row, column + 1) << 16;
            }
        }
        float[] sums = new float[shape.count * THREADS];
        long factor = upload(MemorySegment.ofArray(left));
        long out = engine.allocate(4L * sums.length);
        Arguments arguments =
                Arguments.begin().map(engine, right).pointer(factor).pointer(out);
        launch(shape, "from_registers", arguments, ROWS * 2 * shape.columns());
        engine.download(out, MemorySegment.ofArray(sums));
        engine.free(out);
        return matrix(sums, shape.count);
    }

    @ParameterizedTest
    @CsvSource({"128, 32", "32, 40", "64, 48", "128, 64"})
    void aProductFromRegisters(int width, int count) {
        Shape shape = new Shape(width, count);
        float[][] left = fromRegisters(shape, (i, k) -> own(i * 32 + k), (k, j) -> j == k ? ONE : 0);
        float[][] right = fromRegisters(shape, (i, k) -> k == i % 32 ? ONE : 0, (k, j) -> own(k * shape.columns() + j));
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < shape.columns(); j++) {
                assertThat(left[i][j])
                        .as("the left one's row %d, column %d", i, j)
                        .isEqualTo(j < 32 ? Float.float16ToFloat(own(i * 32 + j)) : 0);
                assertThat(right[i][j])
                        .as("the right one's row %d, column %d", i % 32, j)
                        .isEqualTo(Float.float16ToFloat(own(i % 32 * shape.columns() + j)));
            }
        }
    }

    /** b of so many rows: 128 by from_tiles, 64 by from_small_tiles. */
    private float[][] fromTiles(Shape shape, int rows, IntBinaryOperator a, IntBinaryOperator b) {
        TensorMap left = map(64, shape.columns(), 64, shape.slab(), a);
        TensorMap right = map(rows, shape.columns(), rows, shape.slab(), b);
        String entry = rows == 128 ? "from_tiles" : "from_small_tiles";
        return multiplied(shape, entry, left, right, rows / 2, (64 + rows) * 2 * shape.columns());
    }

    private float[][] multiplied(Shape shape, String entry, TensorMap left, TensorMap right, int count, int shared) {
        float[] sums = new float[count * THREADS];
        long out = engine.allocate(4L * sums.length);
        Arguments arguments =
                Arguments.begin().map(engine, left).map(engine, right).pointer(out);
        launch(shape, entry, arguments, shared);
        engine.download(out, MemorySegment.ofArray(sums));
        engine.free(out);
        return matrix(sums, count);
    }

    @ParameterizedTest
    @CsvSource({"128, 32, 128", "32, 40, 128", "64, 48, 128", "128, 64, 128", "128, 32, 64", "32, 40, 64", "64, 48, 64"
    })
    void aProductFromTiles(int width, int count, int rows) {
        Shape shape = new Shape(width, count);
        int columns = shape.columns();
        float[][] left = fromTiles(shape, rows, (i, k) -> own(i * columns + k), (j, k) -> j == k ? ONE : 0);
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < rows; j++) {
                assertThat(left[i][j])
                        .as("the left one's row %d, column %d", i, j)
                        .isEqualTo(j < columns ? Float.float16ToFloat(own(i * columns + j)) : 0);
            }
        }
        for (int from = 0; from < columns; from += ROWS) {
            int first = from;
            float[][] right = fromTiles(
                    shape, rows, (i, k) -> k == (first + i) % columns ? ONE : 0, (j, k) -> own(j * columns + k));
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < rows; j++) {
                    assertThat(right[i][j])
                            .as("the right one's row %d, column %d", j, (first + i) % columns)
                            .isEqualTo(Float.float16ToFloat(own(j * columns + (first + i) % columns)));
                }
            }
        }
    }

    private float[][] across(Shape shape, IntBinaryOperator a, IntBinaryOperator b) {
        TensorMap left = map(ROWS, 64, ROWS, 64, a);
        TensorMap right = map(ROWS, shape.columns(), ROWS, shape.slab(), b);
        return multiplied(shape, "from_tiles_across", left, right, shape.count, ROWS * (128 + 2 * shape.columns()));
    }

    @ParameterizedTest
    @CsvSource({"128, 32", "32, 40", "64, 48", "128, 64"})
    void aProductOfRowsAcross(int width, int count) {
        Shape shape = new Shape(width, count);
        int columns = shape.columns();
        float[][] left = across(shape, (k, i) -> own(k * 64 + i), (k, j) -> j == k ? ONE : 0);
        float[][] right = across(shape, (k, i) -> k == i ? ONE : 0, (k, j) -> own(k * columns + j));
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < columns; j++) {
                assertThat(left[i][j])
                        .as("the left one's row %d, column %d", j, i)
                        .isEqualTo(j < ROWS ? Float.float16ToFloat(own(j * 64 + i)) : 0);
                assertThat(right[i][j])
                        .as("the right one's row %d, column %d", i, j)
                        .isEqualTo(Float.float16ToFloat(own(i * columns + j)));
            }
        }
    }
}
