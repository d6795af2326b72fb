package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FiniteTest {
    private static final Path FILE = Path.of("m.safetensors");

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(names = {"F64", "F32", "F16", "BF16"})
    void findsTheFirstIndexInEveryType(DType dtype) {
        double largest = dtype == DType.F16 ? 65504 : dtype == DType.BF16 ? 0x1.fep127 : Float.MAX_VALUE;
        try (Arena arena = Arena.ofConfined()) {
            View view = View.allocate(arena, dtype, 2, 3);
            view.set(largest, 0, 0);
            view.set(-largest, 0, 1);
            view.set(-0.0, 0, 2);
            assertThatCode(() -> Finite.check(FILE, "w", view)).doesNotThrowAnyException();
            View other = view.transpose(0, 1);
            assertThatCode(() -> Finite.check(FILE, "w", other)).doesNotThrowAnyException();
            view.set(Double.NEGATIVE_INFINITY, 1, 2);
            assertBad(view, "m.safetensors: tensor w has -Infinity at [1, 2], expected numbers");
            view.set(Double.NaN, 1, 0);
            assertBad(view, "m.safetensors: tensor w has NaN at [1, 0], expected numbers");
            // Of a transposed view, its own index: NaN at [0, 1] comes before the infinity at [2, 1].
            assertBad(other, "m.safetensors: tensor w has NaN at [0, 1], expected numbers");
        }
    }

    private static void assertBad(View view, String message) {
        assertThatThrownBy(() -> Finite.check(FILE, "w", view))
                .isInstanceOf(WeightsException.class)
                .hasMessage(message);
    }

    @Test
    void integersAreFiniteWhateverTheirBits() {
        try (Arena arena = Arena.ofConfined()) {
            for (DType dtype : new DType[] {DType.I64, DType.I32, DType.I16, DType.I8, DType.U8, DType.BOOL}) {
                View view = View.allocate(arena, dtype, 2, 2);
                view.segment().fill((byte) 0xff);
                assertThatCode(() -> Finite.check(FILE, "w", view)).doesNotThrowAnyException();
                assertThatCode(() -> Finite.check(FILE, "w", view.transpose(0, 1)))
                        .doesNotThrowAnyException();
            }
        }
    }

    @Test
    void scalarsAndEmptyTensors() {
        try (Arena arena = Arena.ofConfined()) {
            View scalar = View.allocate(arena, DType.F32);
            scalar.set(Double.NaN);
            assertBad(scalar, "m.safetensors: tensor w has NaN at [], expected numbers");
            assertThatCode(() -> Finite.check(FILE, "w", View.allocate(arena, DType.F32, 0, 3)))
                    .doesNotThrowAnyException();
        }
    }

    @Test
    void aCheckpointIsSearchedTensorByTensor() {
        Path file = folder.resolve("m.safetensors");
        SafetensorsWriter.write(
                file,
                Map.of(),
                List.of(
                        SafetensorsRoundTripTest.filled("i", StoredType.I64, 0xff, 2),
                        SafetensorsRoundTripTest.filled("ok", StoredType.F32, 1, 2),
                        SafetensorsRoundTripTest.filled("bad", StoredType.F32, 0xff, 2)));
        try (Safetensors st = Safetensors.open(file)) {
            assertThatThrownBy(() -> Finite.check(st))
                    .isInstanceOf(WeightsException.class)
                    .hasMessage(file + ": tensor bad has NaN at [0], expected numbers");
        }
    }
}
