package io.aegis.training.quantization;

import io.aegis.image.Image;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.faceshield.FaceShieldFolder;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.PromptSet;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.training.synthetic.Attack;
import io.aegis.training.synthetic.Cues;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticFaces;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Gives a model and its quantised twin the same inputs. A FaceShield looks at pictures and is asked for a verdict and for
 * reasons; what is compared is what both expect at every place of the unquantised one's greedy answers. A language model
 * without a tower, or without a tokenizer, reads a text; a tower without a language model, or beside one without a
 * tokenizer, looks at pictures. One of the two is open at a time.
 */
public final class QuantizationExam {
    private static final int FACES = 4;
    private static final int SIZE = 224;
    private static final List<Attack> KINDS = Attack.attacks();

    /** Tokens that are read of a model without a tokenizer. */
    private static final int TOKENS = 64;

    private final Path before;
    private final Path after;

    /**
     * What came out.
     *
     * @param inputs what both were given, for people
     * @param language of the language model; empty where there is none
     * @param features |f' - f| / |f| of the hidden state that the tower gives; empty unless it was looked at by itself
     */
    public record Outcome(String inputs, Optional<Agreement> language, OptionalDouble features) {}

    /**
     * @param before the model's folder
     * @param after that of the quantised one
     */
    public QuantizationExam(Path before, Path after) {
        this.before = before;
        this.after = after;
    }

    /** Faces that are the same wherever they are drawn: bona fide and attacks in turn, of every domain. */
    public static List<Image> faces() {
        SyntheticFaces faces = new SyntheticFaces(SIZE, Cues.PLAIN);
        List<Domain> domains = Domain.standard();
        return IntStream.range(0, FACES)
                .mapToObj(i -> {
                    Attack attack = i % 2 == 0 ? Attack.BONA_FIDE : KINDS.get(i * 3 % KINDS.size());
                    return Image.of(
                            SIZE,
                            SIZE,
                            3,
                            faces.draw(i, attack, domains.get(i % domains.size()))
                                    .rgb());
                })
                .toList();
    }

    /**
     * Compares the two.
     *
     * @param pictures to look at
     * @param described what they are, for people
     * @throws io.aegis.weights.WeightsException when a folder cannot be opened
     */
    public Outcome run(List<Image> pictures, String described) {
        VisionLanguageConfig config;
        try (VisionLanguageCheckpoint c = FaceShieldFolder.openBase(before)) {
            config = c.config();
        }
        boolean tokenizer =
                Stream.of("tokenizer.json", "tokenizer.model").anyMatch(f -> Files.exists(before.resolve(f)));
        boolean both = config.language().isPresent() && config.vision().isPresent();
        if (both && tokenizer) {
            SpokenAnswers spoken = SpokenAnswers.of(before, pictures);
            List<float[][]> now = spoken.expectedBy(after, pictures);
            return new Outcome(
                    "the answers to '" + String.join("' and '", spoken.questions()) + "' about " + described,
                    Optional.of(Agreement.of(spoken.expected(), now)),
                    OptionalDouble.empty());
        }
        Optional<Agreement> language = Optional.empty();
        OptionalDouble features = OptionalDouble.empty();
        String inputs = "";
        if (config.language().isPresent()) {
            long[] ids = tokenizer ? text() : numbers(config.language().get().vocabulary());
            language = Optional.of(Agreement.of(
                    List.<float[][]>of(Parts.expectations(before, ids)),
                    List.<float[][]>of(Parts.expectations(after, ids))));
            inputs = ids.length + (tokenizer ? " tokens of the published questions" : " tokens in a fixed order");
        }
        if (config.vision().isPresent()) {
            features = OptionalDouble.of(relative(Parts.features(before, pictures), Parts.features(after, pictures)));
            inputs += (inputs.isEmpty() ? "" : "; ") + described;
        }
        return new Outcome(inputs, language, features);
    }

    private long[] text() {
        StringBuilder text = new StringBuilder();
        for (FaceTask task : FaceTask.values()) {
            text.append(PromptSet.DEFAULT.question(task)).append(' ');
        }
        PromptSet.DEFAULT.answers().forEach(text::append);
        return Arrays.stream(Tokenizer.open(before).encode(text.toString(), true))
                .asLongStream()
                .toArray();
    }

    private static long[] numbers(long vocabulary) {
        long[] ids = new long[TOKENS];
        Arrays.setAll(ids, i -> (7919L * i + 11) % vocabulary);
        return ids;
    }

    private static double relative(double[] before, double[] after) {
        double error = 0;
        double square = 0;
        for (int i = 0; i < before.length; i++) {
            error += (after[i] - before[i]) * (after[i] - before[i]);
            square += before[i] * before[i];
        }
        return square == 0 ? 0 : Math.sqrt(error / square);
    }
}
