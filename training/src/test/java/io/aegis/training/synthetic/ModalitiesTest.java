package io.aegis.training.synthetic;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.mapping;
import static java.util.stream.Collectors.toList;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** No single modality suffices on a domain that was not trained on; the three together do. */
class ModalitiesTest {
    private static final LinearJudge.Sight RGB = new LinearJudge.Sight(true, false, false);
    private static final LinearJudge.Sight DEPTH = new LinearJudge.Sight(false, true, false);
    private static final LinearJudge.Sight INFRARED = new LinearJudge.Sight(false, false, true);
    private static final LinearJudge.Sight ALL = new LinearJudge.Sight(true, true, true);
    private static final List<Domain> UNSEEN = List.of(Domain.OFFICE, Domain.KIOSK);

    private static List<SyntheticFace> faces;

    @BeforeAll
    static void draw() {
        SyntheticDataset data = SyntheticDataset.of(2027, 432, 64);
        faces = IntStream.range(0, data.size()).parallel().mapToObj(data::get).toList();
    }

    @Test
    void onlyAllThreeTogetherSuffice() {
        Map<Attack, Double> rgb = perAttack(RGB);
        Map<Attack, Double> depth = perAttack(DEPTH);
        Map<Attack, Double> infrared = perAttack(INFRARED);
        Map<Attack, Double> all = perAttack(ALL);

        assertThat(mean(all)).as("all three").isGreaterThan(0.97);
        assertThat(mean(rgb)).as("RGB alone").isBetween(0.6, 0.85);
        assertThat(mean(depth)).as("depth alone").isBetween(0.7, 0.9);
        assertThat(mean(infrared)).as("infrared alone").isBetween(0.8, 0.95);
        assertThat(mean(rgb)).as("RGB is the hardest").isLessThan(Math.min(mean(depth), mean(infrared)));

        assertThat(rgb.get(Attack.FLEXIBLE_MASK)).isLessThan(0.75);
        assertThat(rgb.get(Attack.MAKEUP)).isLessThan(0.75);
        assertThat(depth.get(Attack.RIGID_MASK)).isLessThan(0.75);
        assertThat(depth.get(Attack.FLEXIBLE_MASK)).isLessThan(0.75);
        assertThat(depth.get(Attack.MAKEUP)).isLessThan(0.65);
        assertThat(infrared.get(Attack.PARTIAL_MOUTH)).isLessThan(0.93);
        assertThat(infrared.get(Attack.GLASSES)).isLessThan(0.93);
        assertThat(all)
                .allSatisfy((attack, auc) -> assertThat(auc).as(attack.name()).isGreaterThan(0.9));
    }

    /** Area under the ROC curve of each attack against all bona fide faces, on average over the unseen domains. */
    private static Map<Attack, Double> perAttack(LinearJudge.Sight sight) {
        Map<Attack, Double> out = new EnumMap<>(Attack.class);
        for (Domain unseen : UNSEEN) {
            LinearJudge judge = LinearJudge.train(
                    sight,
                    faces.stream().filter(f -> !f.domain().equals(unseen)).toList());
            Map<Attack, List<Double>> scores = faces.stream()
                    .filter(f -> f.domain().equals(unseen))
                    .collect(groupingBy(SyntheticFace::attack, mapping(judge::score, toList())));
            for (Attack attack : Attack.attacks()) {
                double area = area(scores.get(Attack.BONA_FIDE), scores.get(attack));
                out.merge(attack, area / UNSEEN.size(), Double::sum);
            }
        }
        return out;
    }

    /** The share of pairs of a bona fide face and an attack that are in the right order. */
    private static double area(List<Double> bonaFide, List<Double> attacks) {
        double right = 0;
        for (double live : bonaFide) {
            for (double attack : attacks) {
                right += live > attack ? 1 : live == attack ? 0.5 : 0;
            }
        }
        return right / bonaFide.size() / attacks.size();
    }

    /** Attacks are equally many, so the mean of their areas is the area of all of them together. */
    private static double mean(Map<Attack, Double> areas) {
        return areas.values().stream()
                .mapToDouble(Double::doubleValue)
                .average()
                .orElseThrow();
    }
}
