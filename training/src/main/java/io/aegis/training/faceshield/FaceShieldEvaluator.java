package io.aegis.training.faceshield;

import io.aegis.image.Corners;
import io.aegis.image.Image;
import io.aegis.image.ImageException;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceShieldOptions;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.Reply;
import io.aegis.training.Lanes;
import io.aegis.training.data.DataException;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.report.ProgressBar;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Asks a model all questions of a set, picture by picture, and scores each picture whose label is known. Answers are
 * greedy, so the same model and set give the same answers.
 */
public final class FaceShieldEvaluator {
    private static final String EVEN =
            "the two canonical answers are equally likely; the model came without a threshold";

    private final FaceShield shield;
    private final Lanes lanes;
    private final int together;
    private final Problems problems;

    /**
     * What a set gave.
     *
     * @param overall all of it
     * @param domains each domain by itself
     * @param answers question by question, in the set's order
     * @param scores of the pictures with labels; empty unless both classes are there
     * @param threshold that scores were compared with
     */
    public record Outcome(
            FaceShieldEvaluation overall,
            Map<String, FaceShieldEvaluation> domains,
            List<Answered> answers,
            Optional<Scores> scores,
            Threshold threshold) {}

    /**
     * @param shield stays open meanwhile
     * @param problems takes note of pictures that cannot be read and questions that cannot be asked
     */
    public FaceShieldEvaluator(FaceShield shield, Lanes lanes, Problems problems) {
        this(shield, lanes, 1, problems);
    }

    /**
     * As above.
     *
     * @param together questions that each lane asks at a time, which changes no answer; at least 1
     */
    public FaceShieldEvaluator(FaceShield shield, Lanes lanes, int together, Problems problems) {
        if (together < 1) {
            throw new IllegalArgumentException(together + " questions at once, expected at least 1");
        }
        this.shield = shield;
        this.lanes = lanes;
        this.together = together;
        this.problems = problems;
    }

    /** Most questions at once that are taken without being asked for: beyond, a step is not much cheaper for each. */
    private static final int USUAL = 4;

    /** Bytes of keys and values that a lane takes without being asked. */
    private static final long USUAL_BYTES = 1L << 30;

    /** Questions at once that a lane has memory for, at least one. */
    public static int together(FaceShield shield, InstructionSet set) {
        int n = USUAL;
        while (n > 1 && shield.pages(questions(set), shield.generation(), n) * shield.pageBytes() > USUAL_BYTES) {
            n--;
        }
        return n;
    }

    private static Set<String> questions(InstructionSet set) {
        return set.samples().stream().map(Instruction::question).collect(Collectors.toSet());
    }

    /**
     * Evaluates a set.
     *
     * @param console where progress goes
     * @throws DataException when nothing could be asked
     */
    public Outcome evaluate(InstructionSet set, ProgressBar.Surroundings console) {
        FaceShieldOptions options = shield.config().options();
        InstructionSet known = Questions.completed(set, options.prompts());
        Map<String, List<Instruction>> byPicture = new LinkedHashMap<>();
        known.samples().forEach(s -> byPicture
                .computeIfAbsent(s.image(), _ -> new ArrayList<>())
                .add(s));
        List<List<Instruction>> pictures = List.copyOf(byPicture.values());
        List<List<Answered>> answers = new ArrayList<>();
        OptionalDouble[] scores = new OptionalDouble[pictures.size()];
        String[] unreadable = new String[pictures.size()];
        pictures.forEach(_ -> answers.add(new ArrayList<>()));
        try (ProgressBar bar = new ProgressBar(set.name(), 0, Math.max(1, pictures.size()), console)) {
            lanes.run(lane -> {
                IntConsumer done = i -> {
                    synchronized (bar) {
                        bar.step(pictures.get(i).size());
                    }
                };
                int[] own = IntStream.iterate(lane, i -> i < scores.length, i -> i + lanes.count())
                        .toArray();
                Iterator<Path> files = Arrays.stream(own)
                        .mapToObj(i -> pictures.get(i).getFirst().picture())
                        .iterator();
                try (PicturesAhead images = new PicturesAhead(files)) {
                    if (together > 1) {
                        askAtOnce(own, images, pictures, answers, scores, unreadable, done);
                        return;
                    }
                    for (int i : own) {
                        try {
                            scores[i] = picture(images.next(), pictures.get(i), answers.get(i));
                        } catch (ImageException e) {
                            unreadable[i] = e.getMessage();
                            scores[i] = OptionalDouble.empty();
                        }
                        done.accept(i);
                    }
                }
            });
        }
        for (String reason : unreadable) {
            if (reason != null) {
                problems.add(Problem.UNREADABLE_PICTURE, reason);
            }
        }
        return outcome(set.name(), pictures, answers, scores);
    }

    /** As {@link #picture}, of the pictures of a lane, several questions at a time. */
    private void askAtOnce(
            int[] own,
            PicturesAhead images,
            List<List<Instruction>> pictures,
            List<List<Answered>> answers,
            OptionalDouble[] scores,
            String[] unreadable,
            IntConsumer done) {
        Iterator<Sittings.Sitting> each = Arrays.stream(own)
                .<Sittings.Sitting>mapToObj(i -> {
                    List<Instruction> asked =
                            pictures.get(i).stream().filter(this::canBeAsked).toList();
                    Answered[] said = new Answered[asked.size()];
                    scores[i] = OptionalDouble.empty();
                    return new Sittings.Sitting() {
                        @Override
                        public Image read() {
                            return images.next();
                        }

                        @Override
                        public List<String> questions() {
                            return asked.stream().map(Instruction::question).toList();
                        }

                        @Override
                        public boolean isScored() {
                            return isLabelled(pictures.get(i));
                        }

                        @Override
                        public void answered(int question, Reply reply, Examination about) {
                            said[question] =
                                    FaceShieldEvaluator.this.answered(asked.get(question), reply.text(), about);
                        }

                        @Override
                        public void scored(double score) {
                            scores[i] = OptionalDouble.of(score);
                        }

                        @Override
                        public void unreadable(ImageException e) {
                            unreadable[i] = e.getMessage();
                        }

                        @Override
                        public void done() {
                            Arrays.stream(said).filter(Objects::nonNull).forEach(answers.get(i)::add);
                            done.accept(i);
                        }
                    };
                })
                .iterator();
        Set<String> questions = pictures.stream()
                .flatMap(List::stream)
                .map(Instruction::question)
                .collect(Collectors.toSet());
        try (Sittings sittings = new Sittings(shield, each)) {
            int pages = shield.pages(questions, shield.generation(), together);
            shield.answer(sittings, together, pages, () -> false);
        }
    }

    private boolean canBeAsked(Instruction s) {
        if (Questions.task(s, shield.config().options().prompts()).isEmpty()) {
            return false;
        }
        try {
            shield.requireFits(s.question());
            return true;
        } catch (IllegalArgumentException e) {
            isTooLong(s, e);
            return false;
        }
    }

    private void isTooLong(Instruction s, IllegalArgumentException e) {
        synchronized (problems) {
            problems.add(Problem.TRUNCATED, s.describe() + ": " + e.getMessage());
        }
    }

    private static boolean isLabelled(List<Instruction> questions) {
        return questions.getFirst().truth().bonaFide().isPresent();
    }

    /** Asks all questions about one picture; its score where its label is known. */
    private OptionalDouble picture(Image image, List<Instruction> questions, List<Answered> answers) {
        try (Examination examination = shield.examine(image)) {
            for (Instruction s : questions) {
                ask(s, examination, answers);
            }
            return isLabelled(questions) ? OptionalDouble.of(examination.score().score()) : OptionalDouble.empty();
        }
    }

    private void ask(Instruction s, Examination examination, List<Answered> answers) {
        if (Questions.task(s, shield.config().options().prompts()).isEmpty()) {
            return;
        }
        String text;
        try {
            text = examination.ask(s.question()).text();
        } catch (IllegalArgumentException e) {
            isTooLong(s, e);
            return;
        }
        answers.add(answered(s, text, examination));
    }

    private Answered answered(Instruction s, String text, Examination examination) {
        FaceShieldOptions options = shield.config().options();
        FaceTask task = Questions.task(s, options.prompts()).orElseThrow();
        boolean where = task == FaceTask.LOCATE;
        BoxReading box = where
                ? options.boxes().read(text, examination.width(), examination.height())
                : new BoxReading.Missing();
        return new Answered(s, task, text, where ? truth(s, examination) : Optional.empty(), box);
    }

    /** Where the attack is: by the field, or else by the reference. */
    private Optional<Corners> truth(Instruction s, Examination examination) {
        return s.truth()
                .box()
                .or(() -> shield.config().options().boxes().read(s.answer(), examination.width(), examination.height())
                                instanceof BoxReading.Found f
                        ? Optional.of(f.corners())
                        : Optional.empty());
    }

    private Outcome outcome(
            String name, List<List<Instruction>> pictures, List<List<Answered>> answers, OptionalDouble[] scores) {
        List<Answered> all = answers.stream().flatMap(List::stream).toList();
        if (all.isEmpty()) {
            throw new DataException("'" + name + "' has no question that could be asked"
                    + (problems.isEmpty() ? "" : "; " + String.join("; ", problems.summary())));
        }
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < scores.length; i++) {
            if (scores[i].isPresent()) {
                samples.add(sample(pictures.get(i).getFirst(), scores[i].getAsDouble()));
            }
        }
        boolean both =
                samples.stream().anyMatch(Sample::bonaFide) && samples.stream().anyMatch(s -> !s.bonaFide());
        Optional<Scores> scored = both ? Optional.of(new Scores(name, Split.TEST, samples)) : Optional.empty();
        Threshold threshold = shield.threshold()
                .map(t -> new Threshold(t.value(), t.origin()))
                .orElse(new Threshold(0, EVEN));
        return new Outcome(
                FaceShieldEvaluation.of(name, all, scored, threshold),
                FaceShieldEvaluation.byDomain(name, all, scored, threshold),
                all,
                scored,
                threshold);
    }

    static Sample sample(Instruction s, double score) {
        Truth truth = s.truth();
        return truth.bonaFide().orElseThrow()
                ? Sample.bonaFide(s.image(), score, truth.domain())
                : Sample.attack(s.image(), score, truth.attack().orElse(""), truth.domain());
    }
}
