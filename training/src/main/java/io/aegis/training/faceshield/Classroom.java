package io.aegis.training.faceshield;

import io.aegis.image.ImageException;
import io.aegis.models.faceshield.FaceShieldOptions;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.training.Lanes;
import io.aegis.training.data.DataException;
import io.aegis.training.report.ProgressBar;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * All that a run works with, once pictures were seen and texts were tokenised: what cannot be used has been left out, so
 * that the same data give the same lessons whenever they are prepared.
 *
 * @param train what is learned
 * @param development what is asked after each epoch
 * @param faces of the development set whose labels are known, with the two canonical answers
 * @param problems what was left out
 */
record Classroom(
        List<Lesson> train, List<Lesson> development, List<DevelopmentExam.ScoredFace> faces, Problems problems) {
    /**
     * Prepares data.
     *
     * @throws DataException when nothing is left of either set
     */
    static Classroom of(
            FaceShieldTrainingData data,
            BaseModel base,
            FaceShieldTrainingOptions options,
            Eyes eyes,
            Lanes lanes,
            ProgressBar.Surroundings console) {
        Problems problems = new Problems();
        problems.addAll(data.problems());
        Map<Path, String> unreadable = see(data, eyes, lanes, console);
        int longest = base.config().longest();
        int length = options.limits().length() == 0
                ? longest
                : Math.min(longest, options.limits().length());
        int room = length - base.config().visionTokens();
        boolean plain = options.stage() == Stage.PROJECTOR;
        int slots = base.config().options().streams().slots();
        ChatTemplate template = plain ? ChatTemplate.PLAIN : base.template();
        LessonPlanner planner = new LessonPlanner(base.tokenizer(), template, slots, room);
        List<Lesson> train = lessons(data.train(), planner, unreadable, problems);
        InstructionSet known =
                Questions.completed(data.development(), base.config().options().prompts());
        List<Lesson> development = lessons(known, planner, unreadable, problems);
        LessonPlanner canonical = new LessonPlanner(base.tokenizer(), base.template(), slots, room);
        List<DevelopmentExam.ScoredFace> faces =
                faces(development, canonical, base.config().options());
        return new Classroom(train, development, faces, problems);
    }

    /** Looks at every picture once; what is wrong with those that cannot be read. */
    private static Map<Path, String> see(
            FaceShieldTrainingData data, Eyes eyes, Lanes lanes, ProgressBar.Surroundings console) {
        List<Path> pictures = Stream.of(data.train(), data.development())
                .flatMap(set -> set.samples().stream())
                .map(Instruction::picture)
                .distinct()
                .toList();
        Map<Path, String> unreadable = new ConcurrentHashMap<>();
        try (ProgressBar bar = new ProgressBar("pictures", 0, pictures.size(), console)) {
            lanes.run(lane -> {
                for (int i = lane; i < pictures.size(); i += lanes.count()) {
                    try {
                        eyes.prepare(pictures.get(i));
                    } catch (ImageException e) {
                        unreadable.put(pictures.get(i), e.getMessage());
                    }
                    synchronized (bar) {
                        bar.step(1);
                    }
                }
            });
        }
        return unreadable;
    }

    private static List<Lesson> lessons(
            InstructionSet set, LessonPlanner planner, Map<Path, String> unreadable, Problems problems) {
        List<Lesson> lessons = new ArrayList<>();
        for (Instruction s : set.samples()) {
            String reason = unreadable.get(s.picture());
            if (reason != null) {
                problems.add(Problem.UNREADABLE_PICTURE, s.id() + ": " + reason);
            } else {
                planner.of(s, problems).ifPresent(lessons::add);
            }
        }
        if (lessons.isEmpty()) {
            throw new DataException(
                    "'" + set.name() + "' has no samples that can be used; " + String.join("; ", problems.summary()));
        }
        return lessons;
    }

    /** Each picture once. */
    private static List<DevelopmentExam.ScoredFace> faces(
            List<Lesson> development, LessonPlanner planner, FaceShieldOptions options) {
        Map<String, Instruction> pictures = new LinkedHashMap<>();
        development.stream()
                .map(Lesson::source)
                .filter(s -> s.truth().bonaFide().isPresent())
                .forEach(s -> pictures.putIfAbsent(s.image(), s));
        List<DevelopmentExam.ScoredFace> faces = new ArrayList<>();
        for (Instruction s : pictures.values()) {
            String question = options.prompts().question(FaceTask.COARSE);
            Optional<Lesson> real =
                    planner.answered(s, question, options.prompts().real());
            Optional<Lesson> spoof =
                    planner.answered(s, question, options.prompts().spoof());
            if (real.isPresent() && spoof.isPresent()) {
                faces.add(DevelopmentExam.ScoredFace.of(s, real.get(), spoof.get(), options.scoring()));
            }
        }
        return faces;
    }
}
