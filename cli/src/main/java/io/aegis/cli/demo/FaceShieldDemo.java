package io.aegis.cli.demo;

import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.models.faceshield.AnswerListener;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FacePictures;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.Verdict;
import io.aegis.models.vit.VitConfig;
import io.aegis.training.synthetic.Attack;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticFace;
import io.aegis.training.synthetic.instruction.SyntheticInstructions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * A FaceShield that learned from {@link SyntheticInstructions}, before faces that are drawn now: what it says of one of each
 * kind, and how often it is right, in the domains that it was trained on and in one that it never saw.
 *
 * @param config of its tower
 * @param talks one bona fide face and one of each attack
 * @param seen the domains of its training
 * @param known faces of those domains
 * @param unseen the other domain
 * @param foreign faces of that one
 */
record FaceShieldDemo(
        VitConfig config,
        List<Talk> talks,
        List<Domain> seen,
        FaceShieldExam known,
        Domain unseen,
        FaceShieldExam foreign) {
    /** Faces are named by what they are for; the model's training set is named otherwise, so that nobody is in both. */
    private static final String SET = "demo";

    /** A face, what the tower saw of it, and what the model says. */
    record Talk(Attack attack, Image picture, FacePictures seen, Verdict verdict) {}

    /**
     * Runs it.
     *
     * @param folder of the model
     * @param out where the pictures that it talks about are left, in {@code faces}
     * @param count faces of each exam
     * @param hears what is said, as lines
     */
    static FaceShieldDemo run(Path folder, Path out, long seed, int count, Consumer<String> hears) throws IOException {
        List<Domain> all = Domain.standard();
        List<Domain> seen = all.subList(0, all.size() - 1);
        Domain unseen = all.getLast();
        try (FaceShield shield = FaceShield.load(folder)) {
            int side = shield.config().vision().image();
            SyntheticInstructions faces = new SyntheticInstructions(seed, side, seen);
            List<Talk> talks = new ArrayList<>();
            Files.createDirectories(out.resolve("faces"));
            for (SyntheticFace face : oneOfEach(faces)) {
                Talk talk = talk(shield, face);
                Png.write(out.resolve("faces").resolve(name(face.attack()).replace(' ', '-') + ".png"), talk.picture);
                hears.accept(String.format(
                        Locale.ROOT,
                        "  %-14s %s",
                        name(face.attack()),
                        talk.verdict.answers().get(FaceTask.FINE)));
                talks.add(talk);
            }
            return new FaceShieldDemo(
                    shield.config().vision(),
                    talks,
                    seen,
                    FaceShieldExam.of("known domains", shield, count, i -> faces.face(SET, i, seen)),
                    unseen,
                    FaceShieldExam.of(
                            "unseen domain", shield, count, i -> faces.face(SET + " unseen", i, List.of(unseen))));
        }
    }

    /** The first face of each kind. */
    private static List<SyntheticFace> oneOfEach(SyntheticInstructions faces) {
        EnumSet<Attack> missing = EnumSet.allOf(Attack.class);
        List<SyntheticFace> found = new ArrayList<>();
        for (int i = 0; !missing.isEmpty(); i++) {
            SyntheticFace face = faces.face(SET + " talk", i, faces.domains());
            if (missing.remove(face.attack())) {
                found.add(face);
            }
        }
        found.sort((a, b) -> a.attack().compareTo(b.attack()));
        return found;
    }

    private static Talk talk(FaceShield shield, SyntheticFace face) {
        Image picture = FaceShieldExam.picture(face);
        try (Examination examination = shield.examine(picture)) {
            Verdict verdict = shield.analyze(
                    examination, EnumSet.allOf(FaceTask.class), shield.generation(), AnswerListener.NONE, () -> false);
            return new Talk(face.attack(), picture, examination.pictures(), verdict);
        }
    }

    static String name(Attack attack) {
        return attack.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
