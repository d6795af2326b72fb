package io.aegis.training.synthetic.instruction;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.image.Corners;
import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.kernels.Philox;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxCodec;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.PromptSet;
import io.aegis.training.synthetic.Attack;
import io.aegis.training.synthetic.Cues;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticFace;
import io.aegis.training.synthetic.SyntheticFaces;
import io.aegis.weights.AtomicFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Faces with questions and answers, as LLaVA's lists have them. Face i of a set depends on the seed, the set's name and i
 * alone; one in four is bona fide, and partial attacks, whose place is asked for, come a little more often than others.
 *
 * @param seed of all sets
 * @param size width and height of the pictures, a multiple of {@link #PATCH}
 * @param domains that training knows
 */
public record SyntheticInstructions(long seed, int size, List<Domain> domains) {
    /** Side of the small model's patches in pixels. */
    public static final int PATCH = SmallFaceShield.PATCH;

    /** Pictures that the small model sees whole. */
    public static final int DEFAULT_SIZE = 96;

    private static final Set<Attack> PARTIAL = EnumSet.of(Attack.GLASSES, Attack.PARTIAL_EYE, Attack.PARTIAL_MOUTH);

    private static final double BONA_FIDE = 0.25;
    private static final int SITE = 0x1a5c;

    public SyntheticInstructions {
        domains = List.copyOf(domains);
    }

    /** Whether an attack covers but a part of the face, so that its place says something. */
    public static boolean isPartial(Attack attack) {
        return PARTIAL.contains(attack);
    }

    /** The class that FaceShield's data have for an attack. */
    public static AttackType type(Attack attack) {
        return Answers.type(attack);
    }

    /**
     * A face of a set.
     *
     * @param set name of the set
     * @param among domains to choose from
     */
    public SyntheticFace face(String set, int index, List<Domain> among) {
        Picks picks = picks(set, index);
        Attack attack = Attack.BONA_FIDE;
        if (!picks.chance(BONA_FIDE)) {
            double[] weights = new double[Attack.attacks().size()];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = isPartial(Attack.attacks().get(i)) ? 1.3 : 1;
            }
            attack = Attack.attacks().get(picks.weighted(weights));
        }
        Domain domain = among.get((int) (picks.unit() * among.size()));
        int[] block = {set.hashCode(), index, SITE, 0};
        Philox.block(seed, block);
        return new SyntheticFaces(size, Cues.PLAIN)
                .draw((long) block[0] << 32 | block[1] & 0xffffffffL, attack, domain);
    }

    private Picks picks(String set, int index) {
        return new Picks(seed + 31L * set.hashCode(), index);
    }

    /**
     * Draws and writes everything: {@code images/}, {@code train.json}, {@code development.json}, {@code test.json} (the
     * same domains, other people) and {@code unseen.json} (another domain), and {@code base/}, the small model that is to
     * learn from them. {@code first.json} is of the training pictures too, and asks only for the name of the attack: a model
     * that starts from nothing learns to see by it before it learns to speak. The training list comes last, so that a folder
     * with one is complete.
     *
     * @param train faces to learn from; each is asked two or three questions
     * @param development faces to choose the best state by
     * @param test faces of each of both test sets; each is asked everything, in the published words
     * @param unseen domain of the second test set
     * @throws FileAlreadyExistsException if the folder holds a training list already; nothing is changed
     */
    public void write(Path folder, int train, int development, int test, Domain unseen) throws IOException {
        Path last = folder.resolve("train.json");
        if (Files.exists(last)) {
            throw new FileAlreadyExistsException(
                    last.toString(), null, "a data set is there already; name another directory or remove it");
        }
        List<Entry> learned = set(folder, "train", train, domains, false);
        List<String> texts = new ArrayList<>();
        learned.forEach(entry -> entry.texts(texts));
        SmallFaceShield.write(folder.resolve("base"), size, texts);
        write(folder, "development", set(folder, "development", development, domains, true));
        write(folder, "test", set(folder, "test", test, domains, true));
        write(folder, "unseen", set(folder, "unseen", test, List.of(unseen), true));
        write(
                folder,
                "first",
                learned.stream().map(SyntheticInstructions::named).toList());
        write(folder, "train", learned);
    }

    /** Only what kind of face it is, in the published question's words and always the same answer's. */
    private static Entry named(Entry entry) {
        List<String> turns = List.of(PromptSet.DEFAULT.question(FaceTask.FINE), Answers.named(entry.face.attack()));
        return new Entry(entry.id, entry.image, entry.face, List.of(FaceTask.FINE), turns);
    }

    /** One face and what is said of it. */
    private record Entry(String id, String image, SyntheticFace face, List<FaceTask> tasks, List<String> turns) {
        void texts(List<String> out) {
            for (int i = 0; i < turns.size(); i++) {
                // answers follow a colon and questions a line break
                out.add(i % 2 == 0 ? turns.get(i) : " " + turns.get(i));
            }
        }
    }

    private List<Entry> set(Path folder, String name, int count, List<Domain> among, boolean whole) throws IOException {
        Files.createDirectories(folder.resolve("images").resolve(name));
        return IntStream.range(0, count)
                .parallel()
                .mapToObj(i -> entry(folder, name, i, among, whole))
                .toList();
    }

    private Entry entry(Path folder, String name, int index, List<Domain> among, boolean whole) {
        SyntheticFace face = face(name, index, among);
        String id = String.format(Locale.ROOT, "%s-%06d", name, index);
        String image = name + "/" + id + ".png";
        Png.write(folder.resolve("images").resolve(image), Image.of(size, size, 3, face.rgb()));
        Picks picks = new Picks(seed + 31L * name.hashCode() + 1, index);
        List<FaceTask> tasks = whole ? List.of(FaceTask.values()) : tasks(face.attack(), picks);
        Answers answers = new Answers(BoxCodec.NORM1000);
        List<String> turns = new ArrayList<>();
        for (FaceTask task : tasks) {
            turns.add(whole ? PromptSet.DEFAULT.question(task) : Questions.of(task, picks));
            turns.add(answers.of(task, face, picks));
        }
        return new Entry(id, image, face, tasks, turns);
    }

    private static List<FaceTask> tasks(Attack attack, Picks picks) {
        List<FaceTask> tasks = new ArrayList<>();
        tasks.add(FaceTask.REASON);
        if (picks.chance(0.5)) {
            tasks.add(FaceTask.COARSE);
        }
        if (picks.chance(0.75)) {
            tasks.add(FaceTask.FINE);
        }
        if (picks.chance(isPartial(attack) ? 0.9 : 0.35)) {
            tasks.add(FaceTask.LOCATE);
        }
        return tasks;
    }

    private static void write(Path folder, String name, List<Entry> entries) {
        ArrayNode list = JsonNodeFactory.instance.arrayNode();
        for (Entry entry : entries) {
            for (int i = 0; i < entry.tasks.size(); i++) {
                list.add(json(entry, i));
            }
        }
        AtomicFile.write(folder.resolve(name + ".json"), list.toPrettyString() + "\n");
    }

    private static ObjectNode json(Entry entry, int i) {
        SyntheticFace face = entry.face;
        FaceTask task = entry.tasks.get(i);
        ObjectNode json = JsonNodeFactory.instance
                .objectNode()
                .put("id", entry.id + "-" + task.title())
                .put("image", entry.image)
                .put("task", task.title())
                .put("domain", face.domain().name());
        if (face.attack().isBonaFide()) {
            json.put("label", "bonafide");
        } else {
            json.put("label", "attack")
                    .put("attack", Answers.type(face.attack()).title());
            Corners c = Answers.corners(face.covered());
            json.putArray("box").add(c.x1()).add(c.y1()).add(c.x2()).add(c.y2());
        }
        ArrayNode turns = json.putArray("conversations");
        turns.addObject().put("from", "human").put("value", "<image>\n" + entry.turns.get(2 * i));
        turns.addObject().put("from", "gpt").put("value", entry.turns.get(2 * i + 1));
        return json;
    }
}
