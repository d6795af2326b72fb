package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Operands are rounded to the precision before either side sees them, so that what is left to differ is the order of float32
 * sums: {@link CudaTwin#EXACT} holds in every precision.
 */
class CudaMatmulTest {
    @ParameterizedTest
    @CsvSource({
        "13, 1, 64",
        "9, 13, 1",
        "63, 64, 65",
        "65, 72, 129",
        "10, 3, 0",
        "0, 4, 5",
        "33, 17, 300",
    })
    void everyLayout(int m, int n, int k) {
        for (Precision precision : new Precision[] {Precision.F32, Precision.BF16}) {
            View[] as = {
                rounded(precision, random(1, m, k)),
                rounded(precision, random(1, k, m)).transpose(0, 1),
                rounded(precision, TestViews.strided(1, DType.F32, m, k))
            };
            View[] bs = {
                rounded(precision, random(2, k, n)),
                rounded(precision, random(2, n, k)).transpose(0, 1),
                rounded(precision, random(2, 1, n)).expand(k, n)
            };
            View bias = random(3, n);
            for (View a : as) {
                for (View b : bs) {
                    both(precision, "gelu", a, b, garbage(m, n), new Epilogue(bias, Activation.GELU, false));
                    both(precision, "added", a, b, random(4, m, n + 7).slice(1, 3, 3 + n), Epilogue.ACCUMULATE);
                }
            }
        }
    }

    /** Each tile of each kernel, in parts and whole, at a size that none of its dimensions divides. */
    @ParameterizedTest
    @CsvSource({"F32, 0", "F32, 1", "BF16, 0", "BF16, 1", "BF16, 2"})
    void everyTile(Precision precision, int tile) {
        for (int parts : new int[] {1, 3}) {
            CudaKernels gpu = CudaTwin.kernels(precision);
            Matmul forced = forced(gpu, tile, parts);
            int m = 131;
            int n = 259;
            int k = 150;
            View[] as = {
                rounded(precision, random(1, m, k + 5)).slice(1, 0, k),
                rounded(precision, random(1, k, m + 3)).transpose(0, 1).slice(0, 0, m)
            };
            View[] bs = {
                rounded(precision, random(2, k, n + 5)).slice(1, 0, n),
                rounded(precision, random(2, n, k + 5)).transpose(0, 1).slice(0, 0, k)
            };
            for (View a : as) {
                for (View b : bs) {
                    Epilogue e = a == as[0] && b == bs[0]
                            ? new Epilogue(random(3, n), Activation.SILU, Merge.TIMES, random(5, m, n), false)
                            : parts == 3 ? Epilogue.ACCUMULATE : new Epilogue(random(3, n), Activation.SILU, false);
                    CudaTwin.compare(
                            precision + " tile " + tile, precision, EXACT, to(random(4, m, n)), (kernels, d) -> {
                                Matmul matmul = kernels == gpu ? forced : kernels.matmul();
                                matmul.multiply(a, b, d[0], e);
                            });
                }
            }
        }
    }

    /**
     * A low-rank product beside a full one, on each tile: of more and of fewer steps of K than stages, and in parts that end before the
     * first product does, at its end, and in the second one.
     */
    @ParameterizedTest
    @CsvSource({"131, 259, 150, 8", "131, 259, 150, 136", "9, 1, 3, 1025", "65, 72, 64, 16", "70, 300, 393, 130"})
    void lowRankBeside(int m, int n, int k, int rank) {
        View a = rounded(Precision.BF16, random(1, m, k));
        View b = typed(DType.BF16, random(2, n, k)).transpose(0, 1);
        View left = rounded(Precision.BF16, random(3, m, rank + 3)).slice(1, 1, 1 + rank);
        View right = rounded(Precision.BF16, random(4, n, rank)).transpose(0, 1);
        CudaKernels gpu = CudaTwin.kernels(Precision.BF16);
        for (int tile = 0; tile < 3; tile++) {
            for (int parts : new int[] {1, 2, 3}) {
                Matmul forced = forced(gpu, tile, parts);
                CudaTwin.compare(
                        "tile " + tile + " in " + parts,
                        Precision.BF16,
                        EXACT,
                        to(garbage(m, n + 7).slice(1, 3, 3 + n)),
                        (kernels, d) -> {
                            Matmul matmul = kernels == gpu ? forced : kernels.matmul();
                            matmul.multiplyBoth(
                                    a, b, left, right, garbage(m, n + 7).slice(1, 3, 3 + n), d[0]);
                        });
            }
        }
    }

    /** One launch for both where all lie along K, as a linear and its adapter do; two where they do not, in float32, and for few rows. */
    @ParameterizedTest
    @EnumSource
    void lowRankBesideInOneLaunch(Precision precision) {
        DType type = precision.dtype();
        View a = rounded(precision, random(1, 41, 40));
        View b = typed(type, random(2, 37, 40)).transpose(0, 1);
        View across = typed(type, random(2, 40, 40)).slice(1, 0, 37);
        View left = rounded(precision, random(3, 41, 4));
        View right = rounded(precision, random(4, 37, 4)).transpose(0, 1);
        CudaKernels kernels = CudaTwin.kernels(precision);
        for (View w : new View[] {b, across}) {
            for (int rows : new int[] {41, 3}) {
                View x = a.slice(0, 0, rows);
                View u = left.slice(0, 0, rows);
                BiConsumer<Matmul, View> both =
                        (matmul, c) -> matmul.multiplyBoth(x, w, u, right, garbage(rows, 37), c);
                compare(precision + " both of " + rows, precision, EXACT, garbage(rows, 37), both);
                int products = CudaBackend.launches(kernels, () -> both.accept(kernels.matmul(), garbage(rows, 37)))
                        .getOrDefault("matmul", 0);
                int onMatrixUnits = precision == Precision.F32 || rows == 3 ? 0 : w == b ? 1 : 2;
                assertThat(products).as("%s, %d rows of %s", precision, rows, w).isEqualTo(onMatrixUnits);
            }
        }
    }

    /** A matrix of a type, of the values that its rounding leaves. */
    private static View typed(DType type, View x) {
        View y = TestViews.zeros(type, x.shape());
        Backends.scalar().elementwise().copy(x, y);
        return y;
    }

    /** Products on one tile, K in so many parts. */
    private static Matmul forced(CudaKernels gpu, int tile, int parts) {
        return new CudaMatmul(gpu.cuda(), Backends.scalar().matmul(), (tiles, sms, m, n, k, batches) -> {
            int part = (int) (k / parts + 63) / 64 * 64;
            return new Tiling(tiles.get(tile), part, (int) ((k + part - 1) / part));
        });
    }

    /** A float32 x that several matrices take is rounded once; the bits are those of one product after the other. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void severalOfOne(DType weights) {
        CudaKernels kernels = CudaTwin.kernels(Precision.BF16);
        Matmul matmul = kernels.matmul();
        View a = random(1, 41, 40);
        View q = TestViews.random(2, weights, 37, 40).transpose(0, 1);
        View k = TestViews.random(3, weights, 8, 40).transpose(0, 1);
        View v = TestViews.random(4, weights, 37, 40).transpose(0, 1);
        View bias = random(5, 37);
        View[] apart = to(garbage(41, 37), garbage(41, 8), garbage(41, 37));
        View[] together = to(garbage(41, 37), garbage(41, 8), garbage(41, 37));
        // bfloat16 weights are read as they lie
        int ofWeights = weights == DType.BF16 ? 0 : 3;
        assertThat(CudaBackend.launches(kernels, () -> {
                    matmul.multiply(a, q, apart[0], Epilogue.bias(bias));
                    matmul.multiply(a, k, apart[1], Epilogue.NONE);
                    matmul.multiply(a, v, apart[2], Epilogue.gate(apart[0]));
                }))
                .containsEntry("dense", 3 + ofWeights);
        assertThat(CudaBackend.launches(
                        kernels,
                        () -> matmul.multiply(
                                a,
                                List.of(
                                        new Matmul.Right(q, together[0], Epilogue.bias(bias)),
                                        new Matmul.Right(k, together[1], Epilogue.NONE),
                                        new Matmul.Right(v, together[2], Epilogue.gate(together[0]))))))
                .containsEntry("dense", 1 + ofWeights);
        for (int i = 0; i < 3; i++) {
            assertThat(together[i].toDoubles()).as("product %d", i).isEqualTo(apart[i].toDoubles());
        }
    }

    /** Gate and up have one x; a few rows, which nobody rounds, are as they were. */
    @Test
    void aGateRoundsOnce() {
        CudaKernels kernels = CudaTwin.kernels(Precision.BF16);
        View gate = TestViews.random(2, DType.BF16, 37, 40).transpose(0, 1);
        View up = TestViews.random(3, DType.BF16, 37, 40).transpose(0, 1);
        for (int rows : new int[] {41, 3}) {
            View a = random(1, rows, 40);
            View apart = garbage(rows, 37);
            View room = garbage(rows, 37);
            kernels.matmul().multiply(a, up, room, Epilogue.NONE);
            kernels.matmul().multiply(a, gate, apart, Epilogue.gate(room));
            View together = garbage(rows, 37);
            assertThat(CudaBackend.launches(kernels, () -> kernels.matmul()
                                    .multiplyGated(a, gate, up, garbage(rows, 37), together))
                            .getOrDefault("dense", 0))
                    .isEqualTo(rows == 3 ? 0 : 1);
            assertThat(together.toDoubles()).isEqualTo(apart.toDoubles());
        }
    }

    /** Plus and times another matrix, of many rows and of few, of every type; of a batch, and of one that lies otherwise. */
    @ParameterizedTest
    @EnumSource
    void everyMerge(Precision precision) {
        View bias = random(3, 37);
        for (int rows : new int[] {1, 3, 41}) {
            View a = rounded(precision, random(1, rows, 40));
            View b = rounded(precision, random(2, 37, 40)).transpose(0, 1);
            for (Merge merge : Merge.values()) {
                for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
                    View other = TestViews.random(5, type, rows, 37);
                    Epilogue e = new Epilogue(bias, Activation.GELU, merge, other, false);
                    both(precision, merge + " " + type, a, b, garbage(rows, 37), e);
                    compare(
                            merge + " by rows",
                            precision,
                            EXACT,
                            garbage(rows, 37),
                            (m, d) -> m.multiplyRows(a, b, d, e));
                }
            }
            View inside = random(5, rows, 50).slice(1, 4, 41);
            both(precision, "inside", a, b, garbage(rows, 50).slice(1, 4, 41), Epilogue.plus(bias, inside));
            both(
                    precision,
                    "nothing",
                    a.slice(1, 0, 0),
                    b.slice(0, 0, 0),
                    garbage(rows, 37),
                    Epilogue.plus(bias, random(5, rows, 37)));
        }
        View a = rounded(precision, random(1, 2, 3, 21, 24));
        View b = rounded(precision, random(2, 2, 3, 17, 24)).transpose(-1, -2);
        both(precision, "batched", a, b, garbage(2, 3, 21, 17), Epilogue.plus(null, random(5, 2, 3, 21, 17)));
        View heads = rounded(precision, random(1, 2, 21, 3, 24)).permute(0, 2, 1, 3);
        View turned = random(5, 2, 21, 3, 17).permute(0, 2, 1, 3);
        both(precision, "heads", heads, b, garbage(2, 21, 3, 17).permute(0, 2, 1, 3), Epilogue.plus(null, turned));
        View many = rounded(precision, random(1, 2, 2, 2, 9, 8)).permute(2, 1, 0, 3, 4);
        View others = rounded(precision, random(2, 2, 2, 2, 8, 9));
        Epilogue three = Epilogue.plus(null, random(5, 2, 2, 2, 9, 9));
        both(precision, "three dimensions", many, others, garbage(2, 2, 2, 9, 9), three);
    }

    /** One that lies otherwise than the result is right as well, on the host. */
    @Test
    void whatLiesOtherwiseIsMergedOnTheHost() {
        View a = random(1, 20, 24);
        View b = random(2, 24, 18);
        Epilogue e = Epilogue.plus(null, random(5, 18, 20).transpose(0, 1));
        View expected = garbage(20, 18);
        View got = garbage(20, 18);
        Backends.scalar().matmul().multiply(a, b, expected, e);
        CudaTwin.kernels(Precision.F32).matmul().multiply(a, b, got, e);
        assertThat(got.toDoubles()).containsExactly(expected.toDoubles(), within(1e-5));
    }

    /** As many tiles of K as stages, fewer and more. */
    @ParameterizedTest
    @EnumSource
    void everyDepth(Precision precision) {
        for (int k : new int[] {8, 16, 31, 64, 127, 128, 129, 192, 200, 257, 320, 511}) {
            View a = rounded(precision, random(1, 70, k));
            View b = rounded(precision, random(2, 40, k)).transpose(0, 1);
            both(precision, "depth " + k, a, b, garbage(70, 40), Epilogue.NONE);
        }
    }

    @ParameterizedTest
    @EnumSource
    void batches(Precision precision) {
        View a = rounded(precision, random(1, 2, 3, 21, 24));
        View b = rounded(precision, random(2, 2, 3, 17, 24)).transpose(-1, -2);
        both(precision, "batched", a, b, garbage(2, 3, 21, 17), Epilogue.NONE);
        both(precision, "added", a, b, random(5, 2, 3, 21, 17), Epilogue.ACCUMULATE);
        View heads = rounded(precision, random(1, 2, 21, 3, 24)).permute(0, 2, 1, 3);
        both(precision, "heads", heads, b, garbage(2, 21, 3, 17).permute(0, 2, 1, 3), Epilogue.bias(random(3, 17)));
        View one = rounded(precision, random(2, 24, 17));
        both(precision, "one b", a, one.expand(2, 3, 24, 17), garbage(2, 3, 21, 17), Epilogue.NONE);
        both(
                precision,
                "b a batch",
                a,
                b.select(1, 0).unsqueeze(1).expand(2, 3, 24, 17),
                garbage(2, 3, 21, 17),
                Epilogue.NONE);
        both(
                precision,
                "one a",
                a.select(0, 1).unsqueeze(0).expand(2, 3, 21, 24),
                b,
                garbage(2, 3, 21, 17),
                Epilogue.NONE);
        View row = rounded(precision, random(1, 2, 3, 1, 24));
        both(precision, "rows", row, b, garbage(2, 3, 1, 17), Epilogue.NONE);
        both(precision, "rows of one b", row, one.expand(2, 3, 24, 17), garbage(2, 3, 1, 17), Epilogue.NONE);
        View many = rounded(precision, random(1, 2, 2, 2, 9, 8)).permute(2, 1, 0, 3, 4);
        View others = rounded(precision, random(2, 2, 2, 2, 8, 9));
        both(precision, "three dimensions", many, others, garbage(2, 2, 2, 9, 9), Epilogue.NONE);
    }

    @ParameterizedTest
    @EnumSource
    void everyType(Precision precision) {
        DType[] types = {DType.F32, DType.F16, DType.BF16};
        for (DType left : types) {
            for (DType right : types) {
                for (DType out : types) {
                    View a = typed(precision, left, random(1, 41, 40));
                    View b = typed(precision, right, random(2, 24, 40)).transpose(0, 1);
                    View c = TestViews.random(3, out, 41, 24);
                    // The result is rounded once; two sums that differ in the last bits may round to neighbours.
                    double tolerance = out == DType.F32 ? EXACT : out == DType.F16 ? 0x1p-10 : 0x1p-7;
                    String what = precision + " " + left + " " + right + " " + out;
                    compare(what, precision, tolerance, c, (m, d) -> m.multiply(a, b, d, Epilogue.NONE));
                    compare(what, precision, tolerance, c, (m, d) -> m.multiply(a, b, d, Epilogue.ACCUMULATE));
                    View few = a.slice(0, 0, 3);
                    compare(
                            what,
                            precision,
                            tolerance,
                            c.slice(0, 0, 3),
                            (m, d) -> m.multiply(few, b, d, Epilogue.NONE));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyActivation(Activation f) {
        View a = random(1, 20, 24);
        View b = random(2, 24, 20);
        View bias = random(3, 20);
        for (int rows : new int[] {2, 20}) {
            View x = a.slice(0, 0, rows);
            both(Precision.F32, f.name(), x, b, garbage(rows, 20), new Epilogue(bias, f, false));
            both(
                    Precision.F32,
                    f.name() + " of nothing",
                    random(1, rows, 0),
                    random(2, 0, 20),
                    garbage(rows, 20),
                    new Epilogue(bias, f, false));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "1, 72, 13",
        "1, 65, 577",
        "2, 1, 3",
        "3, 13, 129",
        "8, 129, 264",
        "13, 65, 1030",
        "19, 5, 4100",
    })
    void fewRows(int m, int n, int k) {
        for (DType type : new DType[] {DType.F32, DType.F16, DType.BF16}) {
            View[] as = {random(1, m, k), random(1, k, m).transpose(0, 1), TestViews.random(1, DType.BF16, m, k)};
            View[] bs = {
                TestViews.random(2, type, n, k).transpose(0, 1),
                TestViews.random(2, type, k, n),
                TestViews.random(2, type, n, k + 11).slice(1, 8, 8 + k).transpose(0, 1),
                TestViews.strided(2, type, k, n)
            };
            for (View a : as) {
                for (View b : bs) {
                    Epilogue silu = new Epilogue(random(3, n), Activation.SILU, false);
                    compare(
                            type + " rows",
                            Precision.BF16,
                            EXACT,
                            garbage(m, n),
                            (x, d) -> x.multiplyRows(a, b, d, silu));
                    View gaps = random(4, m, n + 2).slice(1, 1, 1 + n);
                    compare(
                            type + " added",
                            Precision.F32,
                            EXACT,
                            gaps,
                            (x, d) -> x.multiplyRows(a, b, d, Epilogue.ACCUMULATE));
                }
            }
        }
    }

    /** Each row alone, a few together, many together, in multiply and in multiplyRows: the same bits. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void rowsDoNotKnowOfEachOther(DType type) {
        int n = 7;
        int k = 700;
        View bias = random(3, n);
        Matmul matmul = CudaTwin.kernels(Precision.valueOf(type.name())).matmul();
        View padded = TestViews.random(2, type, n, 704).slice(1, 0, k);
        for (View b : new View[] {padded.transpose(0, 1), TestViews.random(2, type, k, n)}) {
            View a = random(1, 19, k);
            View alone = garbage(19, n);
            for (int r = 0; r < 19; r++) {
                matmul.multiply(a.slice(0, r, r + 1), b, alone.slice(0, r, r + 1), Epilogue.bias(bias));
            }
            for (int rows : new int[] {1, 2, 3, 5, 8, 19}) {
                View together = garbage(rows, n);
                matmul.multiplyRows(a.slice(0, 0, rows), b, together, Epilogue.bias(bias));
                assertThat(together.toDoubles())
                        .isEqualTo(alone.slice(0, 0, rows).toDoubles());
            }
        }
    }

    @Test
    void infinityAndNotANumberAreMultipliedAsTheyAre() {
        for (int rows : new int[] {1, 20}) {
            View b = TestViews.zeros(DType.BF16, 3, 41);
            b.set(Double.POSITIVE_INFINITY, 0, 0);
            b.set(Double.NaN, 1, 17);
            View a = TestViews.zeros(DType.F32, rows, 41);
            Backends.scalar().elementwise().fill(a, 1);
            View c = garbage(rows, 3);
            CudaTwin.kernels(Precision.BF16).matmul().multiply(a, b.transpose(0, 1), c, Epilogue.NONE);
            for (int r = 0; r < rows; r++) {
                assertThat(c.select(0, r).toDoubles()).containsExactly(Double.POSITIVE_INFINITY, Double.NaN, 0);
            }
        }
    }

    /** What lies behind the rows of a window is not read into the sum, not even as zero times infinity. */
    @ParameterizedTest
    @EnumSource
    void neighboursAreNotRead(Precision precision) {
        DType type = precision.dtype();
        for (int k : new int[] {13, 8, 70}) {
            View a = window(rounded(precision, random(1, 33, k)), type);
            View b = window(rounded(precision, random(2, 18, k)), type);
            both(precision, "along K", a, b.transpose(0, 1), garbage(33, 18), Epilogue.NONE);
            both(precision, "one row", a.slice(0, 5, 6), b.transpose(0, 1), garbage(1, 18), Epilogue.NONE);
            View c = window(rounded(precision, random(3, k, 18)), type);
            both(precision, "along N", a, c, garbage(33, 18), Epilogue.NONE);
            both(precision, "one row along N", a.slice(0, 5, 6), c, garbage(1, 18), Epilogue.NONE);
        }
    }

    /** The same values as the start of rows of 80 whose rest is infinity. */
    private static View window(View x, DType type) {
        View wide = TestViews.zeros(type, x.size(0), 80);
        Backends.scalar().elementwise().fill(wide, Double.POSITIVE_INFINITY);
        View y = wide.slice(1, 0, x.size(1));
        Backends.scalar().elementwise().copy(x, y);
        return y;
    }

    /** Another order of threads and blocks gives the same bits, K cut into parts or not. */
    @ParameterizedTest
    @EnumSource
    void theOrderOfThreadsDoesNotMatter(Precision precision) {
        View a = random(1, 40, 600);
        View b = random(2, 600, 24);
        View first = garbage(40, 24);
        View second = garbage(40, 24);
        product(CudaTwin.kernels(precision).cuda(), a, b, first);
        CudaTwin.engine();
        String seed = System.getProperty("aegis.emulator.seed", "1");
        System.setProperty("aegis.emulator.seed", seed + "7");
        try (CudaKernels other = new CudaKernels(new EmulatorEngine(), new Device(Device.Kind.CUDA, 0), precision)) {
            View x = random(1, 40, 600);
            View y = random(2, 600, 24);
            product(other.cuda(), x, y, second);
            assertThat(second.toDoubles()).isEqualTo(first.toDoubles());
        } finally {
            System.setProperty("aegis.emulator.seed", seed);
        }
    }

    private static void product(Cuda cuda, View a, View b, View c) {
        new CudaMatmul(
                        cuda,
                        Backends.scalar().matmul(),
                        (tiles, sms, m, n, k, batches) -> new Tiling(tiles.getLast(), 256, 3))
                .multiply(a, b, c, Epilogue.NONE);
    }

    @Test
    void otherTypesAreComputedOnTheHost() {
        View a = TestViews.random(1, DType.F64, 5, 6);
        View b = TestViews.random(2, DType.F64, 6, 7);
        View c = TestViews.garbage(DType.F64, 5, 7);
        View expected = TestViews.garbage(DType.F64, 5, 7);
        CudaTwin.kernels(Precision.F32).matmul().multiply(a, b, c, Epilogue.NONE);
        Backends.scalar().matmul().multiply(a, b, expected, Epilogue.NONE);
        assertThat(c.toDoubles()).isEqualTo(expected.toDoubles());
    }

    @Test
    void everyVariantIsListedOnce() {
        List<Variant> variants = CudaMatmul.variants();
        assertThat(variants).doesNotHaveDuplicates().hasSize(1 + 4 + 2 * 4 * 4 + 2 * 4 + 3 * 3 + 2 * 3 + 2 * 5);
    }

    private static void both(Precision precision, String what, View a, View b, View c, Epilogue e) {
        compare(precision + " " + what, precision, EXACT, c, (m, d) -> m.multiply(a, b, d, e));
    }

    private static void compare(
            String what, Precision precision, double tolerance, View c, BiConsumer<Matmul, View> call) {
        CudaTwin.compare(what, precision, tolerance, to(c), (k, d) -> call.accept(k.matmul(), d[0]));
    }

    /** Values that the precision's rounding leaves alone. */
    private static View rounded(Precision precision, View x) {
        for (long i = 0; i < x.elements(); i++) {
            long at = x.position(i);
            x.setAt(at, round(precision.dtype(), x.getAt(at)));
        }
        return x;
    }

    private static double round(DType type, double value) {
        View one = TestViews.zeros(type, 1);
        one.setAt(0, value);
        return one.getAt(0);
    }

    /** Values that every type and every rounding here leave alone: eighths of small integers. */
    private static View typed(Precision precision, DType type, View x) {
        View y = TestViews.zeros(type, x.shape());
        for (long i = 0; i < x.elements(); i++) {
            y.setAt(i, Math.rint(8 * x.getAt(i)) / 8);
        }
        return y;
    }
}
