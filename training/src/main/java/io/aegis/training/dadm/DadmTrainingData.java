package io.aegis.training.dadm;

import io.aegis.models.dadm.DadmConfig;
import io.aegis.training.data.DataException;
import io.aegis.training.data.Domains;
import io.aegis.training.data.HoldOut;
import io.aegis.training.data.Label;
import io.aegis.training.data.Protocol;
import io.aegis.training.data.Sample;
import io.aegis.training.data.Split;
import java.util.List;

/**
 * What a run learns from and chooses by. The test set has no place here.
 *
 * @param domains the training domains; a domain's position chooses its head
 * @param train what the model learns from
 * @param development other samples of the same domains: the threshold and the best epoch come from them
 * @param source of all pictures
 */
public record DadmTrainingData(Domains domains, Split train, Split development, SampleSource source) {
    /**
     * Checks that there is something to learn in every domain.
     *
     * @throws DataException for an empty set, a domain with one class only, more than three domains, or a domain of the
     *     development set that is none of training
     */
    public DadmTrainingData {
        if (train.size() == 0) {
            throw new DataException("the training set '" + train.name() + "' has no samples");
        }
        if (domains.names().size() > DadmConfig.DOMAINS) {
            throw new DataException(domains.names().size() + " training domains ("
                    + String.join(", ", domains.names()) + "); DADM has heads for " + DadmConfig.DOMAINS
                    + ": leave some out, or give several one name");
        }
        for (String domain : domains.names()) {
            bothLabels("the training set '" + train.name() + "': domain '" + domain + "'", of(domain, train));
        }
        bothLabels("the development set '" + development.name() + "'", development);
        train.samples().forEach(domains::position);
        development.samples().forEach(domains::position);
    }

    private static Split of(String domain, Split all) {
        List<Sample> own =
                all.samples().stream().filter(s -> s.domain().equals(domain)).toList();
        return new Split(all.name(), own);
    }

    private static void bothLabels(String what, Split split) {
        long bonaFide = split.count(Label.BONA_FIDE);
        long attacks = split.count(Label.ATTACK);
        if (bonaFide == 0 || attacks == 0) {
            throw new DataException(what + " has " + bonaFide + " bona fide samples and " + attacks
                    + " attacks; expected some of each");
        }
    }

    /** The training part of a benchmark's protocol, with its own development set. */
    public static DadmTrainingData of(Protocol protocol, SampleSource source) {
        return new DadmTrainingData(new Domains(protocol.domains()), protocol.train(), protocol.development(), source);
    }

    /**
     * Holds out a share of the subjects for development (see {@link HoldOut}); domains are numbered in order of appearance.
     *
     * @throws DataException also when subjects are too few to be divided
     */
    public static DadmTrainingData heldOut(Split all, double share, long seed, SampleSource source) {
        if (all.size() == 0) {
            throw new DataException("'" + all.name() + "' has no samples");
        }
        HoldOut parts = HoldOut.of(all, share, seed);
        return new DadmTrainingData(new Domains(all.domains()), parts.train(), parts.development(), source);
    }

    /** Changes when samples were added, removed, relabelled or put in another order, in either set. */
    String fingerprint() {
        return "domains " + String.join(",", domains.names()) + "; train " + train.fingerprint() + "; development "
                + development.fingerprint();
    }
}
