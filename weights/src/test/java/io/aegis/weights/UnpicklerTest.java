package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The expected values are Python's own, from the definition of each opcode in pickletools. */
class UnpicklerTest {
    private static Object read(PickleForge pickle) {
        return Unpickler.read(Path.of("x.pt"), ByteBuffer.wrap(pickle.end()));
    }

    private static PickleForge pickle() {
        return new PickleForge();
    }

    @Test
    void scalars() {
        assertThat(read(pickle().op('N'))).isNull();
        assertThat(read(pickle().raw(0x88))).isEqualTo(true);
        assertThat(read(pickle().raw(0x89))).isEqualTo(false);
        assertThat(read(pickle().raw('K', 255))).isEqualTo(255L);
        assertThat(read(pickle().raw('M', 0xff, 0xff))).isEqualTo(65535L);
        assertThat(read(pickle().raw('J', 0xfe, 0xff, 0xff, 0xff))).isEqualTo(-2L);
        assertThat(read(pickle().raw('G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0))).isEqualTo(1.5);
    }

    @Test
    void longIntegers() {
        assertThat(read(pickle().raw(0x8a, 0))).isEqualTo(0L);
        assertThat(read(pickle().raw(0x8a, 2, 0xff, 0x00))).isEqualTo(255L);
        assertThat(read(pickle().raw(0x8a, 2, 0xff, 0x7f))).isEqualTo(32767L);
        assertThat(read(pickle().raw(0x8a, 2, 0x00, 0xff))).isEqualTo(-256L);
        assertThat(read(pickle().raw(0x8a, 1, 0x80))).isEqualTo(-128L);
        assertThat(read(pickle().raw(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1))).isEqualTo(BigInteger.TWO.pow(64));
        assertThat(read(pickle().raw(0x8b, 1, 0, 0, 0, 7))).isEqualTo(7L);
    }

    @Test
    void texts() {
        assertThat(read(pickle().text("é"))).isEqualTo("é");
        assertThat(read(pickle().raw(0x8c, 2, 'h', 'i'))).isEqualTo("hi");
        assertThat(read(pickle().raw(0x8d, 1, 0, 0, 0, 0, 0, 0, 0, 'x'))).isEqualTo("x");
        assertThat(read(pickle().raw('U', 1, 'x'))).isEqualTo("x");
        assertThat(read(pickle().raw('C', 2, 1, 255))).isEqualTo(new byte[] {1, -1});
    }

    @Test
    void containers() {
        assertThat(read(pickle().op(']').op('(').raw('K', 1).raw('K', 2).op('e')))
                .isEqualTo(List.of(1L, 2L));
        assertThat(read(pickle().op('N').op('N').raw(0x86))).isEqualTo(new Pickled.Tuple(Arrays.asList(null, null)));
        assertThat(read(pickle().op(')'))).isEqualTo(new Pickled.Tuple(List.of()));
        assertThat(read(pickle().raw(0x8f).op('(').raw('K', 1).raw('K', 1).raw(0x90)))
                .isEqualTo(Set.of(1L));
        assertThat(read(pickle().op('}')
                        .op('(')
                        .text("a")
                        .raw('K', 1)
                        .raw('K', 2)
                        .op('}')
                        .op('u')))
                .isEqualTo(Map.of("a", 1L, 2L, Map.of()));
        assertThat(read(pickle().op('(').op('(').op('t').op('t')))
                .isEqualTo(new Pickled.Tuple(List.of(new Pickled.Tuple(List.of()))));
    }

    @Test
    void memo() {
        // PUT 5, PUT 300 and MEMOIZE (the number of things remembered so far, 2), and each recalled.
        PickleForge whole = pickle().op('(')
                .text("a")
                .raw('q', 5)
                .text("b")
                .raw('r', 44, 1, 0, 0)
                .text("c")
                .raw(0x94);
        whole.raw('h', 5).raw('j', 44, 1, 0, 0).raw('h', 2).op('t');
        assertThat(read(whole)).isEqualTo(new Pickled.Tuple(List.of("a", "b", "c", "a", "b", "c")));
    }

    @Test
    void protocolFourHeader() {
        assertThat(read(pickle().raw(0x80, 4).raw(0x95, 9, 0, 0, 0, 0, 0, 0, 0).op('}')))
                .isEqualTo(Map.of());
    }
}
