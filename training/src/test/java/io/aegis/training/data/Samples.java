package io.aegis.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Samples for tests, without files. */
final class Samples {
    private Samples() {}

    static Sample of(String id, Label label, String domain, String subject) {
        String attack = label == Label.ATTACK ? "print" : "";
        Path rgb = Path.of("rgb", id + ".png");
        return new Sample(
                id,
                rgb,
                Path.of("depth", id + ".png"),
                Path.of("ir", id + ".png"),
                label,
                domain,
                attack,
                subject,
                null);
    }

    /** Some bona fide and some attack samples of one domain, each its own subject. */
    static List<Sample> domain(String domain, int bonaFide, int attacks) {
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < bonaFide + attacks; i++) {
            Label label = i < bonaFide ? Label.BONA_FIDE : Label.ATTACK;
            samples.add(of(domain + i, label, domain, domain + i));
        }
        return samples;
    }

    @SafeVarargs
    static Split split(List<Sample>... domains) {
        List<Sample> all = new ArrayList<>();
        for (List<Sample> domain : domains) {
            all.addAll(domain);
        }
        return new Split("faces", all);
    }
}
