package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ViewTest {
    /** 0, 1, 2, ... as [2, 3, 4]. */
    private static View counting() {
        View v = TestViews.zeros(DType.F64, 2, 3, 4);
        for (int i = 0; i < 24; i++) {
            v.setAt(i, i);
        }
        return v;
    }

    @Test
    void slicesAndSelects() {
        View v = counting();
        assertThat(v.slice(1, 1, 3).select(0, 1).toDoubles()).containsExactly(16, 17, 18, 19, 20, 21, 22, 23);
        assertThat(v.slice(-1, 2, 3).toDoubles()).containsExactly(2, 6, 10, 14, 18, 22);
        assertThat(v.select(-1, 3).select(0, 0).toDoubles()).containsExactly(3, 7, 11);
        assertThat(v.slice(2, 4, 4).elements()).isZero();
        assertThat(v.slice(2, 4, 4).segment().byteSize()).isZero();
        assertThat(v.slice(0, 1, 2).segment().byteSize()).isEqualTo(12 * 8);
    }

    @Test
    void sliceBounds() {
        View v = counting();
        assertThatThrownBy(() -> v.slice(1, 2, 4)).hasMessage("slice 2..4 of dimension 1 of [2, 3, 4]");
        assertThatThrownBy(() -> v.slice(1, -1, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> v.slice(1, 2, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> v.select(0, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> v.select(0, -1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void permutes() {
        View p = counting().permute(2, 0, 1);
        assertThat(p.shape()).containsExactly(4, 2, 3);
        assertThat(p.get(3, 1, 2)).isEqualTo(23);
        assertThat(p.get(1, 0, 2)).isEqualTo(9);
        assertThat(p.isContiguous()).isFalse();
        assertThat(counting().transpose(-1, -2).select(0, 0).toDoubles())
                .containsExactly(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
        assertThatThrownBy(() -> p.permute(0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> p.permute(0, 1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> p.permute(0, 1, 3)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void reshapesWithoutCopyWhereStridesAllow() {
        View v = counting();
        assertThat(v.reshape(6, 4).get(4, 1)).isEqualTo(17);
        assertThat(v.reshape(2, 2, 1, 6).get(1, 1, 0, 5)).isEqualTo(23);
        assertThat(v.reshape(24).isContiguous()).isTrue();

        View swapped = v.permute(1, 0, 2); // [3, 2, 4], strides 4, 12, 1
        assertThat(swapped.canReshape(6, 4)).isFalse();
        assertThat(swapped.canReshape(3, 2, 2, 2)).isTrue();
        assertThat(swapped.reshape(3, 2, 2, 2).get(2, 1, 1, 0)).isEqualTo(22);
        assertThatThrownBy(() -> swapped.reshape(24)).hasMessageContaining("without a copy");

        View rows = v.slice(2, 0, 2); // [2, 3, 2] with gaps behind each row
        assertThat(rows.reshape(6, 2).get(5, 1)).isEqualTo(21);
        assertThat(rows.canReshape(2, 6)).isFalse();
    }

    @Test
    void reshapesOddShapes() {
        View one = TestViews.of(DType.F64, new long[] {1, 1}, 7);
        assertThat(one.reshape().get()).isEqualTo(7);
        assertThat(one.reshape().reshape(1, 1, 1).get(0, 0, 0)).isEqualTo(7);
        assertThat(TestViews.zeros(DType.F64, 0, 3).reshape(5, 0).shape()).containsExactly(5, 0);
        View repeated = one.expand(3, 4);
        assertThat(repeated.reshape(12).strides()).containsExactly(0);
        assertThatThrownBy(() -> counting().reshape(5, 5)).hasMessage("cannot reshape [2, 3, 4] to [5, 5]");
        assertThatThrownBy(() -> counting().reshape(-2, -12)).hasMessageContaining("negative size");
    }

    @Test
    void expands() {
        View row = TestViews.of(DType.F64, new long[] {1, 3}, 1, 2, 3);
        assertThat(row.expand(2, 2, 3).toDoubles()).containsExactly(1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3);
        assertThat(row.expand(0, 3).elements()).isZero();
        assertThatThrownBy(() -> row.expand(2, 4)).hasMessage("cannot expand [1, 3] to [2, 4]");
        assertThatThrownBy(() -> row.expand(3)).hasMessage("cannot expand [1, 3] to [3]");
        assertThatThrownBy(() -> row.expand(-1, 3)).hasMessage("cannot expand [1, 3] to [-1, 3]");
    }

    @Test
    void unsqueezes() {
        View v = counting();
        assertThat(v.unsqueeze(0).shape()).containsExactly(1, 2, 3, 4);
        assertThat(v.unsqueeze(2).shape()).containsExactly(2, 3, 1, 4);
        assertThat(v.unsqueeze(-1).shape()).containsExactly(2, 3, 4, 1);
        assertThat(v.unsqueeze(2).toDoubles()).isEqualTo(v.toDoubles());
        assertThatThrownBy(() -> v.unsqueeze(4)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void refusesWhatLiesOutsideTheBuffer() {
        Buffer buffer = Buffer.allocate(Arena.ofAuto(), 32);
        long[] shape = {2, 2};
        assertThat(View.of(buffer, DType.F64, 0, shape, new long[] {2, 1}).elements())
                .isEqualTo(4);
        assertThatThrownBy(() -> View.of(buffer, DType.F64, 1, shape, new long[] {2, 1}))
                .hasMessageContaining("does not fit into a buffer of 32 bytes");
        assertThatThrownBy(() -> View.of(buffer, DType.F64, 0, shape, new long[] {3, 1}))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> View.of(buffer, DType.F64, -1, shape, new long[] {2, 1}))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> View.of(buffer, DType.F64, 0, shape, new long[] {-2, 1}))
                .hasMessageContaining("negative");
        assertThatThrownBy(() -> View.of(buffer, DType.F64, 0, shape, new long[] {1}))
                .hasMessageContaining("differ in rank");
        assertThatThrownBy(() -> View.of(buffer, DType.F64, 0, shape, new long[] {Long.MAX_VALUE, 1}))
                .isInstanceOf(ArithmeticException.class);
    }

    @Test
    void contiguity() {
        View v = counting();
        assertThat(v.isContiguous()).isTrue();
        assertThat(v.slice(0, 1, 2).isContiguous()).isTrue();
        assertThat(v.slice(1, 0, 2).isContiguous()).isFalse();
        assertThat(v.slice(1, 0, 1).slice(0, 0, 1).isContiguous()).isTrue();
        assertThat(v.select(2, 0).expand(2, 3).isContiguous()).isFalse();
        assertThat(TestViews.zeros(DType.F32, 3, 0).transpose(0, 1).isContiguous())
                .isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void everyDtypeHoldsSmallIntegers(DType dtype) {
        View v = TestViews.zeros(dtype, 3);
        v.set(1, 0);
        v.setLongAt(2, 1);
        assertThat(v.toDoubles()).containsExactly(1, 0, 1);
        assertThat(v.getLong(2)).isEqualTo(1);
        assertThat(v.bytes()).isEqualTo(3L * dtype.bytes());
    }

    @Test
    void integersAreExactAndNarrowByTheirLowBits() {
        View v = TestViews.indices(Long.MAX_VALUE, (1L << 53) + 1);
        assertThat(v.getLong(0)).isEqualTo(Long.MAX_VALUE);
        assertThat(v.getLong(1)).isEqualTo((1L << 53) + 1);
        View u8 = TestViews.zeros(DType.U8, 2);
        u8.setLongAt(0, 511);
        u8.set(-1, 1);
        assertThat(u8.toDoubles()).containsExactly(255, 255);
        View bool = TestViews.zeros(DType.BOOL, 2);
        bool.set(0.5, 0);
        bool.setLongAt(1, 256);
        assertThat(bool.toDoubles()).containsExactly(1, 1);
        View i32 = TestViews.zeros(DType.I32, 2);
        i32.set(-1.9, 0);
        i32.setLongAt(1, 1L << 32 | 5);
        assertThat(i32.toDoubles()).containsExactly(-1, 5);
    }

    /** The spacing of bfloat16 above 1 is 2^-7: half of it is a tie, which goes to the even neighbour. */
    @ParameterizedTest
    @CsvSource({
        "0x1p0, 0x1p0",
        "0x1.01p0, 0x1p0",
        "0x1.010002p0, 0x1.02p0",
        "0x1.03p0, 0x1.04p0",
        "-0x1.03p0, -0x1.04p0",
        "0x1.ffp0, 0x1p1",
        "0x1.fep127, 0x1.fep127",
        "0x1.fffffep127, Infinity",
        "-Infinity, -Infinity",
        "-0x0p0, -0x0p0",
        "0x1p-133, 0x1p-133",
        "0x1p-135, 0x0p0",
    })
    void bfloat16RoundsToNearestEven(String from, String to) {
        View v = TestViews.zeros(DType.BF16, 1);
        v.set(Double.parseDouble(from), 0);
        assertThat(v.get(0)).isEqualTo(Double.parseDouble(to));
    }

    @Test
    void bfloat16KeepsNaN() {
        View v = TestViews.zeros(DType.BF16, 1);
        v.set(Float.intBitsToFloat(0x7f800001), 0);
        assertThat(v.get(0)).isNaN();
        v.set(Float.intBitsToFloat(0xffffffff), 0);
        assertThat(v.get(0)).isNaN();
        assertThat(Float.intBitsToFloat(View.bfloat16(Float.intBitsToFloat(0x7f800001)) << 16))
                .isNaN();
    }
}
