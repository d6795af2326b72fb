package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Box;
import io.aegis.models.dadm.Modality;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestTest {
    private static final String HEADER = "rgb,depth,ir,label,domain,attack,box\n";

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void pictures() throws IOException {
        file = folder.resolve("faces.csv");
        Files.createDirectories(folder.resolve("sub"));
        for (String name : new String[] {"a.png", "b.png", "c.png", "sub/d e.png", "comma,quote\".png"}) {
            Files.writeString(folder.resolve(name), "x");
        }
    }

    @Test
    void everyColumn() {
        Split split = open(HEADER + "a.png,b.png,c.png,bonafide,studio,,\n"
                + "sub/d e.png,,c.png,attack,street,print,\"1,2,30,40\"\n");
        assertThat(split.name()).isEqualTo("faces");
        assertThat(split.samples())
                .containsExactly(
                        new Sample(
                                "a.png",
                                at("a.png"),
                                at("b.png"),
                                at("c.png"),
                                Label.BONA_FIDE,
                                "studio",
                                "",
                                "a.png",
                                null),
                        new Sample(
                                "sub/d e.png",
                                at("sub/d e.png"),
                                null,
                                at("c.png"),
                                Label.ATTACK,
                                "street",
                                "print",
                                "sub/d e.png",
                                new Box(1, 2, 30, 40)));
        assertThat(split.samples().get(1).picture(Modality.DEPTH)).isEmpty();
    }

    @Test
    void anyOrderOfColumnsAndOptionalOnesLeftOut() {
        Sample sample =
                open("\uFEFFLabel, ir ,RGB,depth\r\nfake,,,b.png\r\n").samples().getFirst();
        assertThat(sample)
                .isEqualTo(new Sample(
                        "b.png", null, at("b.png"), null, Label.ATTACK, "faces", Sample.UNKNOWN, "b.png", null));
    }

    @Test
    void subjectsAbsolutePathsAndQuotedNames() {
        Split split =
                open("rgb,depth,ir,label,subject\n\"comma,quote\"\".png\",,,live,Ann\n" + at("a.png") + ",,,0,\n");
        assertThat(split.samples().get(0).rgb()).isEqualTo(at("comma,quote\".png"));
        assertThat(split.samples())
                .extracting(Sample::subject)
                .containsExactly("Ann", at("a.png").toString());
    }

    @ParameterizedTest
    @CsvSource({
        "bonafide,1",
        "Bona Fide,1",
        "bona-fide,1",
        "live,1",
        "REAL,1",
        "1,1",
        "attack,0",
        "spoof,0",
        "Fake,0",
        "0,0"
    })
    void labels(String text, int number) {
        Sample sample = open(HEADER + "a.png,,," + text + ",d,,\n").samples().getFirst();
        assertThat(sample.label().number()).isEqualTo(number);
        assertThat(sample.attack()).isEqualTo(number == 1 ? "" : Sample.UNKNOWN);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"1,2,3,4\"", "1;2;3;4", "1 2 3 4", "\" 1, 2, 3, 4 \""})
    void boxes(String box) {
        assertThat(open(HEADER + "a.png,,,1,d,," + box + "\n")
                        .samples()
                        .getFirst()
                        .box())
                .isEqualTo(new Box(1, 2, 3, 4));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "none", "bonafide", "live"})
    void bonaFideHasNoAttack(String attack) {
        assertThat(open(HEADER + "a.png,,,1,d," + attack + ",\n")
                        .samples()
                        .getFirst()
                        .attack())
                .isEmpty();
    }

    @Test
    void repeatedRowsAreKept() {
        assertThat(open(HEADER + "a.png,,,1,d,,\na.png,,,1,d,,\n").size()).isEqualTo(2);
    }

    @Test
    void sameRowsInOtherFoldersHaveOneFingerprint() throws IOException {
        String text = HEADER + "a.png,b.png,,1,d,,\nb.png,,,0,d,print,\n";
        Split here = open(text);
        Path other = Files.createDirectories(folder.resolve("other"));
        for (String name : new String[] {"a.png", "b.png"}) {
            Files.writeString(other.resolve(name), "x");
        }
        Split there = Manifest.open(Files.writeString(other.resolve("faces.csv"), text));
        assertThat(there.fingerprint()).isEqualTo(here.fingerprint()).hasSize(64);
        assertThat(open(text.replace("print", "mask")).fingerprint()).isNotEqualTo(here.fingerprint());
        assertThat(open(text.replace("b.png,,1", ",b.png,1")).fingerprint()).isNotEqualTo(here.fingerprint());
    }

    @Test
    void wrongColumns() {
        refuses(
                "rgb,depht,ir,label\n",
                ", line 1: column 2 is 'depht'; expected columns are rgb, depth, ir, label, domain, attack, box, subject;"
                        + " did you mean 'depth'?");
        refuses(
                "rgb,depth,infrared,label\n",
                ", line 1: column 3 is 'infrared'; expected columns are rgb, depth, ir,"
                        + " label, domain, attack, box, subject; did you mean 'ir'?");
        refuses(
                "rgb,depth,ir,label,zebra\n",
                ", line 1: column 5 is 'zebra'; expected columns are rgb, depth, ir, label,"
                        + " domain, attack, box, subject");
        refuses(
                "rgb;depth;ir;label\n",
                ", line 1: column 1 is 'rgb;depth;ir;label'; expected columns are rgb, depth, ir,"
                        + " label, domain, attack, box, subject; columns are separated by commas here");
        refuses("rgb,depth,ir,label,rgb\n", ", line 1: column rgb is there twice");
        refuses(
                "label,rgb,box\n",
                ", line 1: no column depth, ir; the columns are rgb, label, box, required are rgb, depth, ir and label");
    }

    @Test
    void wrongRows() {
        refuses(HEADER, ": has a header and no rows");
        refuses(HEADER + "a.png,,,1,d,\n", ", line 2: 6 cells; the header has 7");
        refuses(
                HEADER + "\na.png,,,1,d,,1,2,3,4\n",
                ", line 3: 10 cells; the header has 7; a cell with commas, such as a box, is quoted");
        refuses(HEADER + ",,,1,d,,\n", ", line 2: rgb, depth and ir are all empty; expected at least one picture");
        refuses(
                HEADER + "a.png,,,1,,,\n",
                ", line 2, column domain: is empty; expected the name of a data set or camera");
        refuses(HEADER + "\"a\0.png\",,,1,d,,\n", ", line 2, column rgb: 'a?.png' cannot be the name of a file");
    }

    @Test
    void wrongLabels() {
        refuses(
                HEADER + "a.png,,,1,d,,\na.png,,,2,d,,\n",
                ", line 3, column label: '2' is no label; expected bonafide, live, real or 1, or attack, spoof, fake or"
                        + " 0");
        refuses(
                HEADER + "a.png,,,attak,d,,\n",
                ", line 2, column label: 'attak' is no label; expected bonafide, live, real or 1, or attack, spoof, fake"
                        + " or 0; did you mean 'attack'?");
        refuses(HEADER + "a.png,,,,d,,\n", ", line 2, column label: '' is no label; expected " + Label.EXPECTED);
        refuses(
                HEADER + "a.png,,,1,d,,\nb.png,,,1,d,,\na.png,,,fake,d,,\n",
                ", line 4, column label: 'fake' contradicts line 2, where the same pictures have label '1'");
    }

    @Test
    void wrongAttacks() {
        refuses(
                HEADER + "a.png,,,1,d,print,\n",
                ", line 2, column attack: 'print' with a bona fide label; expected an empty cell or none");
        refuses(
                HEADER + "a.png,,,0,d,none,\n",
                ", line 2, column attack: 'none' with an attack label; expected a type of attack or an empty cell");
    }

    @Test
    void wrongBoxes() {
        refuses(
                HEADER + "a.png,,,1,d,,1;2;3\n",
                ", line 2, column box: box '1;2;3': expected x,y,w,h, four whole numbers of pixels such as 40,30,200,240");
        refuses(
                HEADER + "a.png,,,1,d,,1;2;3;4.5\n",
                ", line 2, column box: box '1;2;3;4.5': expected x,y,w,h, four whole numbers of pixels such as"
                        + " 40,30,200,240");
        refuses(
                HEADER + "a.png,,,1,d,,1;2;0;4\n",
                ", line 2, column box: box 1,2,0,4: width and height must be at least 1");
        refuses(HEADER + "a.png,,,1,d,,-1;2;3;4\n", ", line 2, column box: box -1,2,3,4: x and y must be at least 0");
    }

    @Test
    void allMissingPicturesInOneMessage() {
        refuses(
                HEADER + "a.png,no.png,sub,1,d,,\n",
                ": 2 pictures are missing: line 2 depth: " + at("no.png") + "; line 2 ir: " + at("sub")
                        + " (a folder)");
        refuses(HEADER + "no.png,,,1,d,,\n", ": 1 picture is missing: line 2 rgb: " + at("no.png"));
        String many = IntStream.range(0, 12)
                .mapToObj(i -> "no" + i + ".png,,,1,d,,\n")
                .collect(Collectors.joining());
        String shown = IntStream.range(0, 10)
                .mapToObj(i -> "line " + (i + 2) + " rgb: " + at("no" + i + ".png"))
                .collect(Collectors.joining("; "));
        refuses(HEADER + many, ": 12 pictures are missing: " + shown + "; and 2 more");
    }

    @Test
    void wrongFiles() throws IOException {
        assertThatThrownBy(() -> Manifest.open(at("none.csv")))
                .isInstanceOf(DataException.class)
                .hasMessage(at("none.csv") + ": there is no such file");
        assertThatThrownBy(() -> Manifest.open(folder)).hasMessage(folder + ": is a folder; expected a text file");
        refuses("", ": is empty");
        refuses("\uFEFF \n", ": is empty");
        Files.write(file, (HEADER + "a.png,,,1,caf\u00e9,,\n").getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Manifest.open(file))
                .hasMessage(file + ", line 2: is not UTF-8; save the file in that encoding");
    }

    @Test
    void textCutWithinALetterIsRefused() throws IOException {
        byte[] whole = (HEADER + "a.png,,,1,caf\u00e9").getBytes(StandardCharsets.UTF_8);
        Files.write(file, Arrays.copyOf(whole, whole.length - 1));
        assertThatThrownBy(() -> Manifest.open(file))
                .hasMessage(file + ", line 2: is not UTF-8; save the file in that encoding");
    }

    private void refuses(String text, String message) {
        assertThatThrownBy(() -> open(text)).isInstanceOf(DataException.class).hasMessage(file + message);
    }

    private Path at(String name) {
        return folder.resolve(name);
    }

    private Split open(String text) {
        try {
            return Manifest.open(Files.writeString(file, text));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
