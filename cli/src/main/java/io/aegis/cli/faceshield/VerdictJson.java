package io.aegis.cli.faceshield;

import io.aegis.image.Corners;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.Reply;
import io.aegis.models.faceshield.Selection;
import io.aegis.models.faceshield.Timings;
import io.aegis.models.faceshield.Verdict;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** A verdict for machines. */
public final class VerdictJson {
    private static final List<String> STREAMS = List.of("rgb", "sav");

    private VerdictJson() {}

    /** One object: decision, scores, type, box, answers by task, what else was asked, shares of tokens, times. */
    public static Map<String, Object> of(Verdict v, Optional<DecisionThreshold> threshold, List<Reply> asked) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("decision", v.decision());
        out.put("basis", v.basis().name().toLowerCase(Locale.ROOT));
        out.put("bona_fide_probability", v.probability());
        out.put("score", v.score());
        threshold.ifPresent(t -> {
            out.put("threshold", t.value());
            out.put("threshold_origin", t.origin());
        });
        out.put("attack_type", v.attackType().map(AttackType::title).orElse(null));
        box(out, v.box());
        Map<String, String> answers = new LinkedHashMap<>();
        Map<String, Object> kept = new LinkedHashMap<>();
        v.answers().forEach((task, text) -> answers.put(task.title(), text));
        v.selections().forEach((task, selection) -> kept.put(task.title(), shares(selection)));
        out.put("answers", answers);
        List<Object> others = new ArrayList<>();
        for (Reply reply : asked) {
            Map<String, Object> other = new LinkedHashMap<>();
            other.put("question", reply.question());
            other.put("answer", reply.text());
            other.put("kept", shares(reply.selection()));
            others.add(other);
        }
        if (!others.isEmpty()) {
            out.put("asked", others);
        }
        out.put("kept", kept);
        out.put("timings", timings(v.timings(), asked));
        return out;
    }

    private static void box(Map<String, Object> out, BoxReading box) {
        switch (box) {
            case BoxReading.Found found -> {
                Corners c = found.corners();
                out.put("box", List.of(c.x1(), c.y1(), c.x2(), c.y2()));
                out.put("box_repaired", found.repaired());
                out.put("box_clipped", found.clipped());
            }
            case BoxReading.Rejected rejected -> {
                out.put("box", null);
                out.put("box_rejected", rejected.reason());
            }
            case BoxReading.Missing _ -> out.put("box", null);
        }
    }

    private static Map<String, Object> shares(Selection selection) {
        Map<String, Object> out = new LinkedHashMap<>();
        for (int i = 0; i < selection.streams(); i++) {
            out.put(selection.streams() == 1 ? "both" : STREAMS.get(i), selection.keptShare(i));
        }
        return out;
    }

    private static Map<String, Object> timings(Timings own, List<Reply> asked) {
        Timings all = own;
        for (Reply reply : asked) {
            all = all.plus(reply.timings());
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("vision_seconds", all.vision());
        out.put("prefill_seconds", all.prefill());
        out.put("prefill_tokens", all.prefilled());
        out.put("decode_seconds", all.decode());
        out.put("decode_tokens", all.decoded());
        return out;
    }
}
