package io.aegis.models.faceshield;

import io.aegis.layers.Parameters;
import io.aegis.models.llava.Projector;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** Both streams' features as tokens, and from the tower's channels to the language model's: Projection(V_RGB, V_SAV). */
final class StreamProjection {
    private final Streams streams;
    private final long channels;
    private final Projector projector;
    private final Projector auxiliary;

    /**
     * Declares {@code proj}, and {@code proj_sav} for an auxiliary picture that has its own.
     *
     * @param p the model's
     * @param tower D_v
     * @param model D
     */
    StreamProjection(Parameters p, Streams streams, long tower, long model) {
        this.streams = streams;
        channels = streams.joined() == Streams.Joined.CHANNELS ? 2 * tower : tower;
        projector = new Projector(p.at("proj"), channels, model);
        auxiliary = streams.projectors() == Streams.Projectors.OWN
                ? new Projector(p.at("proj_sav"), channels, model)
                : null;
    }

    /** Channels of a token before the projector, D_v or 2 D_v. */
    long channels() {
        return channels;
    }

    /** Features [2, n, D_v] as tokens: [2n, D_v], the picture's first, or [n, 2 D_v]. */
    Tensor tokens(Tensor features) {
        long n = features.size(1);
        return streams.joined() == Streams.Joined.TOKENS
                ? features.reshape(2 * n, channels)
                : features.permute(1, 0, 2).reshape(n, channels);
    }

    /** Tokens to [2n, D] or [n, D]. */
    Tensor of(Tensor tokens) {
        if (auxiliary == null) {
            return projector.of(tokens);
        }
        long n = tokens.size(0) / 2;
        return Ops.concat(0, projector.of(tokens.slice(0, 0, n)), auxiliary.of(tokens.slice(0, n, 2 * n)));
    }
}
