package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class CsvTest {
    @Test
    void quotingOfTheRfc() {
        assertThat(cells("a,\"b,c\",\"d \"\"e\"\"\"\r\n\"line\r\nbreak\",,\"\"\r\n"))
                .containsExactly(List.of("a", "b,c", "d \"e\""), List.of("line\r\nbreak", "", ""));
    }

    @Test
    void linesEndInAnyWayAndBlankOnesAreSkipped() {
        assertThat(cells("a,b\n\n  \nc,d\r\ne,f\rg,h"))
                .containsExactly(List.of("a", "b"), List.of("c", "d"), List.of("e", "f"), List.of("g", "h"));
    }

    @Test
    void blanksAroundCellsAreNotPartOfThemUnlessQuoted() {
        assertThat(cells(" a ,\tb b\t, \" c \" ,d")).containsExactly(List.of("a", "b b", " c ", "d"));
    }

    @Test
    void cellsKnowTheirLines() {
        List<Csv.Row> rows = Csv.parse(Path.of("x"), "a\n\n\"b\nb\",c\nd");
        assertThat(rows.get(1).cells()).containsExactly(new Csv.Cell(3, "b\nb"), new Csv.Cell(4, "c"));
        assertThat(rows.get(2).line()).isEqualTo(5);
    }

    @Test
    void badQuotes() {
        assertThatThrownBy(() -> cells("a\nb\"c"))
                .isInstanceOf(DataException.class)
                .hasMessage("x.csv, line 2: a quote inside the cell 'b...'; a cell with quotes is quoted as a whole,"
                        + " each of its own quotes doubled");
        assertThatThrownBy(() -> cells("\"a\"b"))
                .hasMessage(
                        "x.csv, line 1: 'b' after the closing quote of 'a'; expected a comma or the end of the line");
        assertThatThrownBy(() -> cells("a\n\"b\nc\n"))
                .hasMessage("x.csv, line 2: a quote opens here and is never closed");
    }

    /** Whatever cells hold, they come back. */
    @Property
    void quotedRowsComeBack(@ForAll("rows") List<List<String>> rows) {
        String text = rows.stream()
                .map(r ->
                        r.stream().map(c -> '"' + c.replace("\"", "\"\"") + '"').collect(Collectors.joining(",")))
                .collect(Collectors.joining("\r\n"));
        assertThat(cells(text)).isEqualTo(rows);
    }

    @Provide
    Arbitrary<List<List<String>>> rows() {
        Arbitrary<String> cell =
                Arbitraries.strings().withChars("ab\",;\r\n \té\uD83D\uDE00").ofMaxLength(8);
        return cell.list().ofMinSize(1).ofMaxSize(4).list().ofMinSize(1).ofMaxSize(5);
    }

    private static List<List<String>> cells(String text) {
        return Csv.parse(Path.of("x.csv"), text).stream()
                .map(r -> r.cells().stream().map(Csv.Cell::text).toList())
                .toList();
    }
}
