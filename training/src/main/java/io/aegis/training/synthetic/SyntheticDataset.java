package io.aegis.training.synthetic;

import io.aegis.image.Box;
import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.kernels.Philox;
import io.aegis.weights.AtomicFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * A reproducible set of faces, drawn when asked for. Samples lie domain after domain; within a domain every second one is
 * bona fide and the attacks take turns in between, so that any stretch of it is balanced and all domains have the same
 * mix. Sample i depends on the seed and i alone. Safe to share between threads.
 */
public final class SyntheticDataset {
    private static final int SITE = 0x5eed;

    private final long seed;
    private final int[] starts;
    private final List<Domain> domains;
    private final SyntheticFaces faces;

    /**
     * @param seed of all samples
     * @param counts number of samples in each domain
     * @param size width and height of the pictures
     * @param domains one a count
     * @throws IllegalArgumentException if counts and domains do not match, for a negative count, or a size that {@link
     *     SyntheticFaces} does not draw
     */
    public SyntheticDataset(long seed, int[] counts, int size, List<Domain> domains) {
        if (counts.length != domains.size()) {
            throw new IllegalArgumentException("a count is needed for each domain, given " + counts.length
                    + " counts for " + domains.size() + " domains");
        }
        this.seed = seed;
        this.domains = List.copyOf(domains);
        this.faces = new SyntheticFaces(size);
        this.starts = new int[counts.length + 1];
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] < 0) {
                throw new IllegalArgumentException(
                        "the count of domain " + domains.get(i) + " is below zero: " + counts[i]);
            }
            starts[i + 1] = Math.addExact(starts[i], counts[i]);
        }
    }

    /** As many samples of each of the {@link Domain#standard() standard domains}. */
    public static SyntheticDataset of(long seed, int perDomain, int size) {
        int[] counts = new int[Domain.standard().size()];
        Arrays.fill(counts, perDomain);
        return new SyntheticDataset(seed, counts, size, Domain.standard());
    }

    /** Number of samples. */
    public int size() {
        return starts[starts.length - 1];
    }

    /** The domains, in the order of their samples. */
    public List<Domain> domains() {
        return domains;
    }

    /** The domain of a sample, without drawing it. */
    public Domain domain(int index) {
        return domains.get(place(index));
    }

    /** What a sample shows, without drawing it. */
    public Attack attack(int index) {
        int within = index - starts[place(index)];
        List<Attack> attacks = Attack.attacks();
        return within % 2 == 0 ? Attack.BONA_FIDE : attacks.get(within / 2 % attacks.size());
    }

    /**
     * Draws a sample.
     *
     * @throws IndexOutOfBoundsException if there is no such sample
     */
    public SyntheticFace get(int index) {
        return faces.draw(sampleSeed(index), attack(index), domain(index));
    }

    /**
     * Draws every sample and writes it as three PNG files, {@code <domain>/<index>-rgb.png}, {@code -depth.png} and
     * {@code -ir.png}, with {@code manifest.csv} beside them: {@code rgb,depth,ir,label,domain,attack,box}, where label is
     * {@code bonafide} or {@code attack}, attack is the type in lower case (empty for bona fide) and box is {@code x y width
     * height} of the head, whatever is presented: a box that told an attack by being there would give the answer away. The manifest comes last, so that a directory with a manifest is
     * complete.
     *
     * @throws FileAlreadyExistsException if the directory holds a manifest already; nothing is changed
     */
    public void write(Path directory) throws IOException {
        Path manifest = directory.resolve("manifest.csv");
        if (Files.exists(manifest)) {
            throw new FileAlreadyExistsException(
                    manifest.toString(), null, "a data set is there already; name another directory or remove it");
        }
        for (Domain domain : domains) {
            Files.createDirectories(directory.resolve(domain.name()));
        }
        StringBuilder csv = new StringBuilder("rgb,depth,ir,label,domain,attack,box\n");
        for (int i = 0; i < size(); i++) {
            SyntheticFace face = get(i);
            String stem = String.format(Locale.ROOT, "%s/%06d", face.domain().name(), i);
            int side = face.size();
            Png.write(directory.resolve(stem + "-rgb.png"), Image.of(side, side, 3, face.rgb()));
            Png.write(directory.resolve(stem + "-depth.png"), Image.of(side, side, 1, face.depth()));
            Png.write(directory.resolve(stem + "-ir.png"), Image.of(side, side, 1, face.infrared()));
            csv.append(row(stem, face)).append('\n');
        }
        AtomicFile.write(manifest, csv.toString());
    }

    private static String row(String stem, SyntheticFace face) {
        boolean bonaFide = face.attack().isBonaFide();
        Box box = face.face();
        return String.join(
                ",",
                stem + "-rgb.png",
                stem + "-depth.png",
                stem + "-ir.png",
                bonaFide ? "bonafide" : "attack",
                face.domain().name(),
                bonaFide ? "" : face.attack().name().toLowerCase(Locale.ROOT),
                box.x() + " " + box.y() + " " + box.width() + " " + box.height());
    }

    private int place(int index) {
        Objects.checkIndex(index, size());
        int at = Arrays.binarySearch(starts, index);
        int place = at >= 0 ? at : -at - 2;
        while (starts[place + 1] == index) {
            place++;
        }
        return place;
    }

    private long sampleSeed(int index) {
        int[] block = {0, index, SITE, 0};
        Philox.block(seed, block);
        return (long) block[0] << 32 | block[1] & 0xffffffffL;
    }
}
