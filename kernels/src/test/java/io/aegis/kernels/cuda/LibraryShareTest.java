package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was measured of a card is kept and read again; what is none leaves the program's table. */
class LibraryShareTest {
    private static final Map<String, Long> MEASURED =
            Map.of("NOTHING", 134217728L, "SUM", 1073741824L, "PASS", 8589934592L, "GATE", Long.MAX_VALUE);

    @TempDir
    Path folder;

    private String before;

    @BeforeEach
    void cacheHere() {
        before = System.getProperty(UserCache.PROPERTY);
        System.setProperty(UserCache.PROPERTY, folder.toString());
    }

    @AfterEach
    void cacheThere() {
        System.clearProperty(LibraryShare.PROPERTY);
        if (before == null) {
            System.clearProperty(UserCache.PROPERTY);
        } else {
            System.setProperty(UserCache.PROPERTY, before);
        }
    }

    @Test
    void whatWasMeasuredIsKept() throws IOException {
        CudaKernels kernels = CudaTwin.kernels(Precision.BF16);
        String card = kernels.cuda().properties().description();
        assertThat(LibraryShare.on(card)).isEqualTo(LibraryShare.table());
        Path file = CudaBackend.keepProducts(kernels, MEASURED, "by a test");
        assertThat(file).isEqualTo(LibraryShare.file(card)).startsWith(folder);
        assertThat(Files.readAllLines(file))
                .containsExactly(
                        "# what is behind a product, and from how many multiplications on it is cuBLASLt's; " + card
                                + ", by a test",
                        "NOTHING\t134217728",
                        "SUM\t1073741824",
                        "PASS\t8589934592",
                        "GATE\tnever");
        LibraryShare share = LibraryShare.on(card);
        assertThat(share.source()).isEqualTo(file.toString());
        MEASURED.forEach((name, least) -> assertThat(share.least()).containsEntry(Behind.valueOf(name), least));
        assertThat(LibraryShare.on("another card")).isEqualTo(LibraryShare.table());
        assertThat(LibraryShare.of(Route.BEST, card)).isEqualTo(share);
        assertThat(LibraryShare.of(Route.LIBRARY, card)).isEqualTo(LibraryShare.everything());
        assertThat(LibraryShare.of(Route.HOPPER, card)).isEqualTo(LibraryShare.table());
        System.setProperty(LibraryShare.PROPERTY, "none");
        assertThat(LibraryShare.on(card)).isEqualTo(LibraryShare.table());
        System.setProperty(LibraryShare.PROPERTY, file.toString());
        assertThat(LibraryShare.on("another card").least()).isEqualTo(share.least());
    }

    @Test
    void whatIsNoneLeavesTheTable() throws IOException {
        Path file = folder.resolve("some.tsv");
        System.setProperty(LibraryShare.PROPERTY, file.toString());
        for (String wrong : List.of("NOTHING", "NOTHING\tsoon", "OTHER\t5", "SUM\t-1", "SUM\t5\t6", "SUM\t5", "")) {
            Files.writeString(file, wrong + "\n");
            assertThat(LibraryShare.on("card")).as(wrong).isEqualTo(LibraryShare.table());
        }
        Files.delete(file);
        assertThat(LibraryShare.on("card")).isEqualTo(LibraryShare.table());
    }

    @Test
    void whatCannotBeKept() {
        CudaKernels kernels = CudaTwin.kernels(Precision.BF16);
        assertThatThrownBy(() -> CudaBackend.keepProducts(kernels, Map.of("SUM", 1L), ""))
                .hasMessage("[SUM], expected [NOTHING, SUM, PASS, GATE]");
        assertThatThrownBy(() -> CudaBackend.keepProducts(Backends.scalar(), MEASURED, ""))
                .hasMessage("these are no kernels of a GPU");
    }
}
