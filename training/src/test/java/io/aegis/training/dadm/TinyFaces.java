package io.aegis.training.dadm;

import io.aegis.image.Augmentation;
import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.kernels.Philox;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Modality;
import io.aegis.training.Schedule;
import io.aegis.training.data.Balance;
import io.aegis.training.data.Domains;
import io.aegis.training.data.Label;
import io.aegis.training.data.RandomMissing;
import io.aegis.training.data.Sample;
import io.aegis.training.data.Split;
import io.aegis.training.report.ProgressBar;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;

/** Something to train on without files: noise in which attacks have a dark left half in depth and a bright one in RGB. */
final class TinyFaces {
    static final DadmConfig CONFIG = new DadmConfig(24, 2, 2, 2, 8, 48, 8, 4, 5);
    static final List<String> DOMAINS = List.of("WMCA", "CeFA", "SURF");

    /** Says nothing. */
    static final ProgressBar.Surroundings SILENT = new ProgressBar.Surroundings(
            new PrintStream(OutputStream.nullOutputStream()), false, 80, System::nanoTime, () -> 0);

    private TinyFaces() {}

    static Sample sample(String domain, int number) {
        String id = domain + "-" + number;
        boolean attack = number % 2 == 1;
        return new Sample(
                id,
                Path.of(id, "rgb"),
                Path.of(id, "depth"),
                Path.of(id, "ir"),
                attack ? Label.ATTACK : Label.BONA_FIDE,
                domain,
                attack ? "print" : "",
                id,
                null);
    }

    static Split split(String name, int from, int to) {
        List<Sample> samples = new ArrayList<>();
        for (String domain : DOMAINS) {
            for (int i = from; i < to; i++) {
                samples.add(sample(domain, i));
            }
        }
        return new Split(name, samples);
    }

    /** The pictures of a sample, a function of its id. */
    static DadmPictures.Files draw(Sample sample) {
        return DadmPictures.Files.of(
                picture(sample, Modality.RGB), picture(sample, Modality.DEPTH), picture(sample, Modality.INFRARED));
    }

    private static Image picture(Sample sample, Modality m) {
        int side = 20;
        byte[] bytes = new byte[side * side];
        for (int i = 0; i < bytes.length; i++) {
            int noise = Philox.bits(1, sample.id().hashCode(), m.ordinal(), 0, i) >>> 26;
            boolean left = i % side < side / 2;
            int signal = sample.bonaFide() || m == Modality.INFRARED || !left ? 0 : m == Modality.RGB ? 70 : -70;
            bytes[i] = (byte) (100 + noise + signal);
        }
        return Image.of(side, side, 1, bytes);
    }

    /** Three domains with six samples each to learn from and four to develop on. */
    static DadmTrainingData data(SampleSource source) {
        return new DadmTrainingData(new Domains(DOMAINS), split("train", 0, 6), split("development", 6, 10), source);
    }

    /** Two epochs of five batches, the last smaller, two for an update; saves after every update. */
    static DadmTrainingOptions options(Path out) {
        return DadmTrainingOptions.published(CONFIG, out)
                .withFit(new DadmTrainingOptions.Fit(2, 4, 2, 1e-3, new Schedule.Cosine(0), 2, 5e-5))
                .withInput(new DadmTrainingOptions.Input(
                        Balance.DOMAIN_AND_LABEL,
                        Augmentation.PUBLISHED,
                        Optional.of(new RandomMissing(0.3, true, true)),
                        EnumSet.allOf(Modality.class)))
                .withRun(new DadmTrainingOptions.Run(out, 1, 2));
    }
}
