package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PyTorchArchiveTest {
    @TempDir
    Path folder;

    private static byte[] floats(int n) {
        ByteBuffer out = ByteBuffer.allocate(4 * n).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < n; i++) {
            out.putFloat(i);
        }
        return out.array();
    }

    private Path archive(byte[] pickle, Map<String, byte[]> storages, boolean zip64) {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("archive/data.pkl", pickle);
        entries.put("archive/byteorder", "little".getBytes());
        storages.forEach((key, bytes) -> entries.put("archive/data/" + key, bytes));
        entries.put("archive/version", "3\n".getBytes());
        return Forge.write(folder, "m.pt", Forge.zip(entries, zip64));
    }

    private Path archive(byte[] pickle) {
        return archive(pickle, Map.of("0", floats(24)), false);
    }

    /** One float tensor called w over 24 elements. */
    private static byte[] one(long offset, long[] size, long[] stride) {
        return new PickleForge()
                .op('}')
                .text("w")
                .tensor("FloatStorage", "0", 24, offset, size, stride)
                .op('s')
                .end();
    }

    private void assertRefused(Path file, String complaint) {
        assertThatThrownBy(() -> Checkpoint.open(file))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(complaint)
                .hasMessageNotContaining("\n");
    }

    /** A module's state_dict: an OrderedDict with an attribute _metadata, parameters, a counter, memo and all. */
    private static PickleForge stateDict(PickleForge p) {
        return p.orderedDict()
                .raw('q', 0)
                .op('(')
                .text("z.weight")
                .tensor("FloatStorage", "0", 24, 0, new long[] {4, 6}, new long[] {6, 1})
                .text("a.count")
                .tensor("LongStorage", "1", 1, 0, new long[0], new long[0])
                .text("a.slice")
                .tensor("FloatStorage", "0", 24, 6, new long[] {2, 6}, new long[] {6, 1})
                .text("p")
                .global("torch._utils", "_rebuild_parameter")
                .tensor("HalfStorage", "2", 2, 0, new long[] {2}, new long[] {1})
                .raw(0x88)
                .orderedDict()
                .raw(0x87)
                .op('R')
                .op('u')
                .op('}')
                .text("_metadata")
                .orderedDict()
                .op('s')
                .op('b');
    }

    private static final Map<String, byte[]> STORAGES = Map.of(
            "0", floats(24), "1", new byte[] {7, 0, 0, 0, 0, 0, 0, 0}, "2", new byte[] {0, 0x3c, 0, (byte) 0xc0});

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void readsAStateDict(boolean zip64) {
        Path file = archive(stateDict(new PickleForge()).end(), STORAGES, zip64);
        try (Checkpoint c = Checkpoint.open(file)) {
            assertThat(c).isInstanceOf(PyTorchArchive.class);
            assertThat(c.names()).containsExactly("z.weight", "a.count", "a.slice", "p");
            assertThat(c.info("z.weight")).hasToString("z.weight F32[4, 6]");
            assertThat(c.bytes("z.weight").isMapped()).isTrue();
            assertThat(c.bytes("z.weight").isReadOnly()).isTrue();
            assertThat(Views.of(c, "z.weight").get(3, 5)).isEqualTo(23);
            assertThat(Views.of(c, "a.count").getLong()).isEqualTo(7);
            assertThat(Views.of(c, "a.slice").get(0, 0)).isEqualTo(6);
            assertThat(c.bytes("a.slice").address())
                    .isEqualTo(c.bytes("z.weight").address() + 24);
            assertThat(Views.of(c, "p").toDoubles()).containsExactly(1, -2);
            assertThat(c.metadata()).isEmpty();
            assertThat(c.has("q")).isFalse();
            assertThatThrownBy(() -> c.bytes("q")).hasMessage(file + ": there is no tensor q");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"state_dict", "model", "model_state_dict"})
    void findsTheDictInATrainingCheckpoint(String key) {
        PickleForge p = new PickleForge()
                .op('}')
                .op('(')
                .text("epoch")
                .raw('K', 3)
                .text("optimizer")
                .op('}')
                .raw('K', 0)
                .op(']')
                .op('N')
                .op('a')
                .op('s')
                .text("lr")
                .raw('G', 0x3f, 0xe0, 0, 0, 0, 0, 0, 0)
                .text(key);
        try (Checkpoint c = Checkpoint.open(archive(stateDict(p).op('u').end(), STORAGES, false))) {
            assertThat(c.names()).containsExactly("z.weight", "a.count", "a.slice", "p");
        }
    }

    @Test
    void aTensorMayBeCalledModel() {
        byte[] pickle = new PickleForge()
                .op('}')
                .text("model")
                .tensor("FloatStorage", "0", 24, 0, new long[] {24}, new long[] {1})
                .op('s')
                .end();
        try (Checkpoint c = Checkpoint.open(archive(pickle))) {
            assertThat(c.names()).containsExactly("model");
        }
    }

    @Test
    void refusesToChooseBetweenTwoDicts() {
        PickleForge p = new PickleForge()
                .op('}')
                .op('(')
                .text("model")
                .op('}')
                .text("state_dict")
                .op('}')
                .op('u');
        assertRefused(archive(p.end()), "holds several dicts (state_dict, model)");
    }

    @Test
    void makesStridedTensorsDense() {
        try (Checkpoint c = Checkpoint.open(archive(one(0, new long[] {4, 2, 3}, new long[] {1, 12, 4})))) {
            double[] want = new double[24];
            for (int i = 0; i < 24; i++) {
                want[i] = i / 6 + i / 3 % 2 * 12 + i % 3 * 4;
            }
            assertThat(Views.of(c, "w").toDoubles()).containsExactly(want);
            assertThat(c.bytes("w").isReadOnly()).isTrue();
            assertThat(c.bytes("w").address()).isEqualTo(c.bytes("w").address());
        }
        try (Checkpoint c = Checkpoint.open(archive(one(5, new long[] {3, 2}, new long[] {0, 3})))) {
            assertThat(Views.of(c, "w").toDoubles()).containsExactly(5, 8, 5, 8, 5, 8);
        }
        try (Checkpoint c = Checkpoint.open(archive(one(23, new long[] {1, 1}, new long[] {99, 7})))) {
            assertThat(c.bytes("w").isMapped()).isTrue();
            assertThat(Views.of(c, "w").toDoubles()).containsExactly(23);
        }
        try (Checkpoint c = Checkpoint.open(archive(one(24, new long[] {0, 5}, new long[] {5, 1})))) {
            assertThat(c.bytes("w").byteSize()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "DoubleStorage, F64", "FloatStorage, F32", "HalfStorage, F16", "BFloat16Storage, BF16", "LongStorage, I64",
        "IntStorage, I32", "ShortStorage, I16", "CharStorage, I8", "ByteStorage, U8", "BoolStorage, BOOL"
    })
    void knowsEveryStorage(String storage, DType dtype) {
        byte[] pickle = new PickleForge()
                .op('}')
                .text("w")
                .tensor(storage, "k", 2, 1, new long[] {1}, new long[] {1})
                .op('s')
                .end();
        byte[] data = new byte[2 * dtype.bytes()];
        data[dtype.bytes()] = 1;
        try (Checkpoint c = Checkpoint.open(archive(pickle, Map.of("k", data), false))) {
            assertThat(Views.of(c, "w").dtype()).isEqualTo(dtype);
            assertThat(Views.of(c, "w").get(0)).isNotZero();
        }
    }

    @Test
    void runsNoCode() throws Exception {
        Path trace = folder.resolve("trace");
        for (String module : new String[] {"os", "posix", "nt", "subprocess"}) {
            byte[] pickle = new PickleForge()
                    .global(module, "system")
                    .op('(')
                    .text("touch " + trace)
                    .op('t')
                    .op('R')
                    .end();
            assertRefused(archive(pickle), "the pickle asks for " + module + ".system, which is refused");
        }
        assertThat(trace).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({
        "builtins, eval",
        "builtins, getattr",
        "builtins, __import__",
        "torch, load",
        "torch._utils, _rebuild_tensor",
        "torch.storage, _load_from_bytes",
        "torch, UntypedStorage",
        "collections, defaultdict",
        "numpy, dtype",
        "torch.nn.modules.linear, Linear",
        "torch._utils._rebuild_tensor_v2, __globals__",
        "argparse, Namespace"
    })
    void refusesEveryOtherName(String module, String name) {
        String asked = "the pickle asks for " + module + "." + name + ", which is refused";
        assertRefused(archive(new PickleForge().global(module, name).end()), asked);
        // The same name from the stack, as protocol 4 has it.
        assertRefused(
                archive(new PickleForge().text(module).text(name).raw(0x93).end()), asked);
    }

    @Test
    void refusesOpcodesThatCall() {
        // OBJ, INST, NEWOBJ, NEWOBJ_EX, EXT1, PERSID, GET, BUFFERS
        for (int opcode : new int[] {'o', 'i', 0x81, 0x92, 0x82, 'P', 'g', 0x97}) {
            assertRefused(
                    archive(new PickleForge().op('}').raw(opcode, 0, 0, 0, 0).end()),
                    String.format("opcode 0x%02x is not allowed", opcode));
        }
    }

    @Test
    void refusesMalformedPickles() {
        assertRefused(archive(new byte[0]), "cut short");
        assertRefused(archive(new PickleForge().end()), "a value is missing");
        assertRefused(archive(new PickleForge().op('}').op('}').end()), "left over");
        assertRefused(archive(new PickleForge().op('(').end()), "a value is missing");
        assertRefused(archive(new PickleForge().op('t').end()), "a mark is missing");
        assertRefused(archive(new PickleForge().raw('h', 9).end()), "recalls what it never stored");
        assertRefused(archive(new PickleForge().raw('X', 255, 255, 255, 255).end()), "cut short");
        assertRefused(
                archive(new PickleForge()
                        .raw(0x8d, 255, 255, 255, 255, 255, 255, 255, 127)
                        .end()),
                "cut short");
        assertRefused(archive(new PickleForge().raw(0x8b, 255, 255, 255, 255).end()), "cut short");
        assertRefused(archive(new PickleForge().raw(0x80, 9).end()), "protocol 9 is not known");
        assertRefused(archive(new PickleForge().op('}').op('}').op('N').op('s').end()), "neither text nor a number");
        assertRefused(archive(new PickleForge().op('N').text("x").op('a').end()), "appended to what is no list");
        assertRefused(archive(new PickleForge().text("x").op(')').op('R').end()), "calls what is no function");
        assertRefused(archive(new PickleForge().text("x").raw(0x85).op('Q').end()), "not described as torch.save does");
        assertRefused(archive(new PickleForge().text("x").op('}').op('b').end()), "attributes are set");
        assertRefused(archive(one(0, new long[] {-1}, new long[] {1})), "not a whole number from 0");
    }

    @Test
    void aDictThatHoldsItselfIsNoTensor() {
        byte[] pickle = new PickleForge()
                .op('}')
                .raw('q', 0)
                .text("me")
                .raw('h', 0)
                .op('s')
                .end();
        assertRefused(archive(pickle), "the entry me is no named tensor");
        byte[] wrapped = new PickleForge()
                .op('}')
                .raw('q', 0)
                .text("model")
                .raw('h', 0)
                .op('s')
                .end();
        assertRefused(archive(wrapped), "the entry model under model is no named tensor");
    }

    @Test
    void refusesWhatIsNoDictOfTensors() {
        assertRefused(archive(new PickleForge().op(']').end()), "holds no dict");
        assertRefused(
                archive(new PickleForge()
                        .op('}')
                        .text("epoch")
                        .raw('K', 3)
                        .op('s')
                        .end()),
                "the entry epoch is no named tensor; expected a dict of tensors, at the top or under state_dict");
        assertRefused(
                archive(new PickleForge()
                        .op('}')
                        .raw('K', 3)
                        .tensor("FloatStorage", "0", 24, 0, new long[0], new long[0])
                        .op('s')
                        .end()),
                "the entry 3 is no named tensor");
    }

    @Test
    void refusesTensorsOutsideTheirStorage() {
        assertRefused(archive(one(1, new long[] {24}, new long[] {1})), "tensor w reaches outside its storage data/0");
        assertRefused(archive(one(0, new long[] {2, 2}, new long[] {23, 1})), "reaches outside");
        assertRefused(archive(one(24, new long[0], new long[0])), "reaches outside");
        assertRefused(archive(one(-1, new long[] {1}, new long[] {1})), "tensor w");
        assertRefused(archive(one(0, new long[] {2}, new long[] {1, 1})), "reaches outside");
        assertRefused(archive(one(0, new long[] {3}, new long[] {Long.MAX_VALUE})), "too large to address");
        assertRefused(archive(one(Long.MAX_VALUE, new long[] {2}, new long[] {1})), "too large to address");
        assertRefused(archive(one(0, new long[] {1L << 32, 1L << 31}, new long[] {0, 0})), "too large to address");
        assertRefused(archive(one(0, new long[] {1L << 40}, new long[] {0})), "repeats 96 bytes to 4398046511104");
    }

    @Test
    void refusesStoragesThatAreNotAsSaid() {
        byte[] pickle = one(0, new long[] {1}, new long[] {1});
        assertRefused(archive(pickle, Map.of(), false), "tensor w lies in data/0, which is not in the archive");
        assertRefused(
                archive(pickle, Map.of("0", floats(23)), false),
                "tensor w lies in data/0 with 92 bytes, but 24 elements of F32 are said to be there");
    }

    @Test
    void refusesDamagedArchives() throws Exception {
        byte[] whole = Files.readAllBytes(archive(one(0, new long[] {24}, new long[] {1})));
        Path file = folder.resolve("m.pt");
        for (int length = 4; length < whole.length; length += 3) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertRefused(file, "the zip archive has no directory; is it complete?");
        }
        Forge.write(folder, "m.pt", Forge.zip(Map.of("x/y", new byte[3]), false));
        assertRefused(file, "a zip archive without a data.pkl");
        Map<String, byte[]> big = new LinkedHashMap<>();
        big.put("a/data.pkl", new PickleForge().op('}').end());
        big.put("a/byteorder", "big".getBytes());
        Forge.write(folder, "m.pt", Forge.zip(big, false));
        assertRefused(file, "was saved in byte order big, expected little");
    }

    @Test
    void refusesACompressedArchive() throws Exception {
        Path file = folder.resolve("m.pt");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            zip.putNextEntry(new ZipEntry("archive/data.pkl"));
            zip.write(new PickleForge().op('}').end());
            zip.closeEntry();
        }
        assertRefused(file, "the entry archive/data.pkl is compressed, expected it stored as it is");
    }

    @Test
    void pointsToAWayOutOfTheOldFormat() {
        Path file = Forge.write(folder, "old.pt", new PickleForge().op('}').end());
        assertRefused(file, "is a PyTorch file older than version 1.6 or a bare pickle");
    }

    /** Whatever the damage: a WeightsException, or tensors that can be read. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void survivesRandomDamage(boolean zip64) throws Exception {
        byte[] whole = Files.readAllBytes(archive(stateDict(new PickleForge()).end(), STORAGES, zip64));
        Path file = folder.resolve("m.pt");
        Random random = new Random(5);
        int refused = 0;
        for (int i = 0; i < 500; i++) {
            byte[] bytes = whole.clone();
            for (int k = 0; k < 2; k++) {
                bytes[4 + random.nextInt(bytes.length - 4)] = (byte) random.nextInt(256);
            }
            Files.write(file, bytes);
            try (Checkpoint c = Checkpoint.open(file)) {
                for (String name : c.names()) {
                    assertThat(c.bytes(name).byteSize()).isEqualTo(c.info(name).bytes());
                }
            } catch (WeightsException e) {
                assertThat(e).hasMessageStartingWith(file + ": ");
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(50);
    }
}
