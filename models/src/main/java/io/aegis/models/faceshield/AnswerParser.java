package io.aegis.models.faceshield;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an answer says, as far as it says it in words that are known; everything else is no response, which evaluations
 * count as wrong. Case and line breaks do not matter. Boxes are {@link BoxCodec}'s.
 */
public final class AnswerParser {
    private static final Pattern DECISION = Pattern.compile("\\b(?:is|appears to be|seems(?: to be)?)\\b(?<neg> not)?"
            + "(?: an?)? (?<c>real|bona[ -]?fide|genuine|live|authentic|spoof(?:ed|ing)?|fake|attack)\\b");

    private static final Pattern ATTACK = Pattern.compile("spoof.*|fake|attack");

    /** Behind a full stop only where a word may begin: boxes have decimal points. */
    private static final Pattern SENTENCES = Pattern.compile("(?<=[.!?])\\s+");

    private AnswerParser() {}

    /** Whether a short answer calls the face bona fide: its first sentence's first statement decides. */
    public static Optional<Boolean> bonaFide(String answer) {
        Matcher m = DECISION.matcher(sentences(answer).getFirst());
        return m.find() ? Optional.of(decision(m)) : Optional.empty();
    }

    /** Whether a reasoned answer calls the face bona fide: its last statement decides, where it concludes. */
    public static Optional<Boolean> conclusion(String answer) {
        for (String sentence : sentences(answer).reversed()) {
            Matcher m = DECISION.matcher(sentence);
            Optional<Boolean> last = Optional.empty();
            while (m.find()) {
                last = Optional.of(decision(m));
            }
            if (last.isPresent()) {
                return last;
            }
        }
        return Optional.empty();
    }

    private static boolean decision(Matcher m) {
        return ATTACK.matcher(m.group("c")).matches() == (m.group("neg") != null);
    }

    /** Which class an answer's first sentence names: the longest of the known words in it, the first among equals. */
    public static Optional<AttackType> attackType(String answer) {
        String sentence = sentences(answer).getFirst();
        AttackType found = null;
        int length = 0;
        int start = 0;
        for (AttackType type : AttackType.values()) {
            Matcher m = type.words().matcher(sentence);
            while (m.find()) {
                int n = m.end() - m.start();
                if (n > length || n == length && m.start() < start) {
                    found = type;
                    length = n;
                    start = m.start();
                }
            }
        }
        return Optional.ofNullable(found);
    }

    private static List<String> sentences(String answer) {
        String plain = answer.toLowerCase(Locale.ROOT).replaceAll("\\s+", " ").strip();
        return List.of(SENTENCES.split(plain));
    }
}
