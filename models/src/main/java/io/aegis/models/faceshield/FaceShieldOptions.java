package io.aegis.models.faceshield;

import java.util.Objects;

/**
 * All that the paper leaves open: the {@code faceshield} block of config.json (see {@link FaceShieldOptionsJson}).
 *
 * @param savp the auxiliary picture
 * @param streams how both pictures become tokens
 * @param pvtm how tokens are masked
 * @param boxes how answers write boxes
 * @param scoring what a score is
 * @param prompts questions and canonical answers
 */
public record FaceShieldOptions(
        SavpOptions savp, Streams streams, PvtmOptions pvtm, BoxCodec boxes, Scoring scoring, PromptSet prompts) {
    public static final FaceShieldOptions DEFAULT = new FaceShieldOptions(
            SavpOptions.DEFAULT,
            Streams.DEFAULT,
            PvtmOptions.DEFAULT,
            BoxCodec.ABSOLUTE,
            Scoring.ANSWERS,
            PromptSet.DEFAULT);

    public FaceShieldOptions {
        Objects.requireNonNull(savp);
        Objects.requireNonNull(streams);
        Objects.requireNonNull(pvtm);
        Objects.requireNonNull(boxes);
        Objects.requireNonNull(scoring);
        Objects.requireNonNull(prompts);
    }

    /** The same but for PVTM. */
    public FaceShieldOptions withPvtm(PvtmOptions other) {
        return new FaceShieldOptions(savp, streams, other, boxes, scoring, prompts);
    }
}
