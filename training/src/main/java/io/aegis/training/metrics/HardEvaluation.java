package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * A set of decisions in words, which have no threshold. A non-response is a wrong answer for accuracy and HTER (as false
 * acceptance of an attack, false rejection of bona fide), while APCER and BPCER (ISO/IEC 30107-3) count wrong classes only
 * and leave non-responses to APNRR and BPNRR. What a set of one class does not have is absent.
 *
 * @param name the set
 * @param right decisions that are right
 * @param attacksWrong attacks not called so, all types pooled
 * @param bonaFideWrong bona fide not called so
 * @param apcer attacks called bona fide, for each type
 * @param bpcer bona fide called an attack
 * @param apnrr attacks without an answer
 * @param bpnrr bona fide without an answer
 */
public record HardEvaluation(
        String name,
        Rate right,
        Optional<Rate> attacksWrong,
        Optional<Rate> bonaFideWrong,
        Optional<Apcer> apcer,
        Optional<Rate> bpcer,
        Optional<Rate> apnrr,
        Optional<Rate> bpnrr) {
    /**
     * Measures a set.
     *
     * @throws IllegalArgumentException for an empty one
     */
    public static HardEvaluation of(String name, List<Decision> decisions) {
        if (decisions.isEmpty()) {
            throw new IllegalArgumentException("'" + name + "' has no decisions");
        }
        SortedMap<String, List<Decision>> byAttack = new TreeMap<>();
        decisions.stream().filter(d -> !d.bonaFide()).forEach(d -> byAttack.computeIfAbsent(
                        d.attack(), _ -> new ArrayList<>())
                .add(d));
        SortedMap<String, Rate> accepted = new TreeMap<>();
        byAttack.forEach((attack, of) ->
                accepted.put(attack, rate(of, says(Decision.Answer.BONA_FIDE)).orElseThrow()));
        List<Decision> attacks = decisions.stream().filter(d -> !d.bonaFide()).toList();
        List<Decision> live = decisions.stream().filter(Decision::bonaFide).toList();
        return new HardEvaluation(
                name,
                rate(decisions, Decision::isRight).orElseThrow(),
                rate(attacks, d -> !d.isRight()),
                rate(live, d -> !d.isRight()),
                accepted.isEmpty() ? Optional.empty() : Optional.of(new Apcer(accepted)),
                rate(live, says(Decision.Answer.ATTACK)),
                rate(attacks, says(Decision.Answer.NONE)),
                rate(live, says(Decision.Answer.NONE)));
    }

    private static Predicate<Decision> says(Decision.Answer answer) {
        return d -> d.answer() == answer;
    }

    private static Optional<Rate> rate(List<Decision> of, Predicate<Decision> counted) {
        return of.isEmpty()
                ? Optional.empty()
                : Optional.of(new Rate((int) of.stream().filter(counted).count(), of.size()));
    }

    /** Share of right decisions, non-responses being wrong. */
    public double accuracy() {
        return right.value();
    }

    /** Half total error rate of the hard answers, attacks pooled, non-responses being wrong. */
    public Optional<Double> hter() {
        return attacksWrong.flatMap(a -> bonaFideWrong.map(b -> (a.value() + b.value()) / 2));
    }

    /** The mean of BPCER and the greatest APCER. */
    public Optional<Double> acer() {
        return apcer.flatMap(a -> bpcer.map(b -> (a.maximum() + b.value()) / 2));
    }

    /** What a person reads, a row a metric. */
    public List<List<String>> rows() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "samples",
                bonaFideWrong.map(Rate::total).orElse(0) + " bona fide, "
                        + attacksWrong.map(Rate::total).orElse(0) + " attacks"));
        rows.add(List.of("ACC", right.toString()));
        hter().ifPresent(v -> rows.add(List.of("HTER (hard answers, attacks pooled)", Numbers.rate(v))));
        acer().ifPresent(v -> rows.add(List.of("ACER", Numbers.rate(v))));
        bpcer.ifPresent(r -> rows.add(List.of("BPCER", r.toString())));
        apcer.ifPresent(a -> {
            rows.add(List.of("APCER, maximum", Numbers.rate(a.maximum()) + " (" + a.worstAttack() + ")"));
            rows.add(List.of("APCER, pooled", a.pooled().toString()));
            a.byAttack().forEach((attack, r) -> rows.add(List.of("APCER, " + attack, r.toString())));
        });
        bpnrr.ifPresent(r -> rows.add(List.of("BPNRR", r.toString())));
        apnrr.ifPresent(r -> rows.add(List.of("APNRR", r.toString())));
        return rows;
    }

    /** The same for machines. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", name);
        map.put("bona_fide", bonaFideWrong.map(Rate::total).orElse(0));
        map.put("attacks", attacksWrong.map(Rate::total).orElse(0));
        map.put("accuracy", accuracy());
        hter().ifPresent(v -> map.put("hter", v));
        acer().ifPresent(v -> map.put("acer", v));
        bpcer.ifPresent(r -> map.put("bpcer", r.value()));
        apcer.ifPresent(a -> {
            map.put("apcer", a.maximum());
            map.put("apcer_worst_attack", a.worstAttack());
            map.put("apcer_pooled", a.pooled().value());
            Map<String, Object> types = new LinkedHashMap<>();
            a.byAttack().forEach((attack, r) -> {
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("apcer", r.value());
                one.put("accepted", r.errors());
                one.put("total", r.total());
                types.put(attack, one);
            });
            map.put("apcer_by_attack", types);
        });
        bpnrr.ifPresent(r -> map.put("bpnrr", r.value()));
        apnrr.ifPresent(r -> map.put("apnrr", r.value()));
        return map;
    }

    @Override
    public String toString() {
        return TextTable.of(name, rows());
    }
}
