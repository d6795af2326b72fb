package io.aegis.training.data;

import io.aegis.image.Box;
import io.aegis.models.dadm.Modality;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One face, seen by up to three cameras. At least one picture is there.
 *
 * @param id what its list or manifest calls it; it does not depend on where the data lie
 * @param rgb the picture, or null when this modality is missing
 * @param depth the picture, or null
 * @param infrared the picture, or null
 * @param label bona fide or attack
 * @param domain the data set or camera that it comes from
 * @param attack the kind of attack, {@link #UNKNOWN} when nobody said; empty for bona fide
 * @param subject whoever is shown; pictures of one subject are never divided between training and development
 * @param box the region that matters, or null for the whole picture
 */
public record Sample(
        String id,
        Path rgb,
        Path depth,
        Path infrared,
        Label label,
        String domain,
        String attack,
        String subject,
        Box box) {
    /** The attack type of an attack whose type was not given. */
    public static final String UNKNOWN = "unknown";

    public Sample {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(label, "label");
        Objects.requireNonNull(domain, "domain");
        Objects.requireNonNull(attack, "attack");
        Objects.requireNonNull(subject, "subject");
        if (rgb == null && depth == null && infrared == null) {
            throw new DataException(id + ": no picture of any modality; at least one of rgb, depth and ir is needed");
        }
        if (attack.isEmpty() != (label == Label.BONA_FIDE)) {
            throw new DataException(id + ": attack type '" + attack + "' with label "
                    + (label == Label.BONA_FIDE ? "bona fide" : "attack") + "; exactly attacks have a type");
        }
    }

    public boolean bonaFide() {
        return label == Label.BONA_FIDE;
    }

    /** The picture of one modality, absent when it is missing. */
    public Optional<Path> picture(Modality modality) {
        return Optional.ofNullable(
                switch (modality) {
                    case RGB -> rgb;
                    case DEPTH -> depth;
                    case INFRARED -> infrared;
                });
    }

    /**
     * This sample as if some cameras had not been there.
     *
     * @throws DataException when no picture is left
     */
    public Sample without(Set<Modality> missing) {
        if (Arrays.stream(Modality.values())
                .allMatch(m -> missing.contains(m) || picture(m).isEmpty())) {
            throw new DataException(id + ": no picture is left without " + MissingModalities.describe(missing));
        }
        return new Sample(
                id,
                missing.contains(Modality.RGB) ? null : rgb,
                missing.contains(Modality.DEPTH) ? null : depth,
                missing.contains(Modality.INFRARED) ? null : infrared,
                label,
                domain,
                attack,
                subject,
                box);
    }

    /** Its pictures, for messages. */
    String describe() {
        return Arrays.stream(Modality.values())
                .flatMap(m -> picture(m).stream())
                .map(Path::toString)
                .collect(Collectors.joining(", "));
    }
}
