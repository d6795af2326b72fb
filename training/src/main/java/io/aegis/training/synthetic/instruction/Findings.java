package io.aegis.training.synthetic.instruction;

import io.aegis.training.synthetic.Attack;
import io.aegis.training.synthetic.Evidence;
import io.aegis.training.synthetic.Sign;
import io.aegis.training.synthetic.SyntheticFace;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What can be said of a face under each heading of a reasoned answer; clauses without a full stop. */
final class Findings {
    private final Attack attack;
    private final Set<Sign> signs;
    private final Evidence.Side light;
    private final Picks picks;

    Findings(SyntheticFace face, Picks picks) {
        this.attack = face.attack();
        this.signs = face.evidence().signs();
        this.light = face.evidence().light();
        this.picks = picks;
    }

    /** How light falls on the face. */
    String lighting() {
        if (signs.contains(Sign.GLARE)) {
            return "a lamp is mirrored in the glass";
        }
        if (signs.contains(Sign.HARD_SHINE)) {
            return "hard highlights shine as on plastic";
        }
        return switch (attack) {
            case PRINT, PAPER_MASK -> "the light lies flat as on paper";
            case REPLAY -> "the face glows by itself";
            default ->
                switch (light) {
                    case LEFT -> "the light falls from the left";
                    case RIGHT -> "the light falls from the right";
                    case ABOVE -> "the light falls from above";
                    case FRONT -> "the light falls from the front";
                };
        };
    }

    /** Whether the features belong together. */
    String shape() {
        return switch (attack) {
            case BONA_FIDE -> "all features fit the face";
            case PRINT, REPLAY -> "the features are those of a picture";
            case PAPER_MASK -> "the face ends at a cut edge";
            case RIGID_MASK ->
                signs.contains(Sign.SEAM) ? "a dark gap runs around a stiff face" : "the face is a stiff shell";
            case FLEXIBLE_MASK ->
                signs.contains(Sign.WRINKLES) ? "soft folds as of rubber lie on the face" : "rubber covers the head";
            case GLASSES -> "the eyes are printed and do not fit the face";
            case PARTIAL_EYE -> "the eyes are on a strip of paper";
            case PARTIAL_MOUTH -> "the mouth is on a piece of paper";
            case MAKEUP ->
                signs.contains(Sign.CONTOUR) ? "dark contours are painted on the cheeks" : "paint changes the features";
        };
    }

    /** How deep the face is. */
    String depth() {
        return switch (attack) {
            case BONA_FIDE, MAKEUP -> "nose and cheeks stand out as in life";
            case PRINT -> "the face is flat";
            case REPLAY -> "the face is flat behind glass";
            case PAPER_MASK ->
                signs.contains(Sign.CREASE) ? "the face is bent paper with a fold" : "the face is bent paper";
            case RIGID_MASK, FLEXIBLE_MASK ->
                signs.contains(Sign.EYE_HOLES) ? "the eyes lie deep in holes" : "the relief is that of a mask";
            case GLASSES, PARTIAL_EYE, PARTIAL_MOUTH -> "a flat piece lies before the face";
        };
    }

    /** Colours and texture. */
    String texture() {
        List<String> seen = new ArrayList<>();
        tell(seen, Sign.HALFTONE, "printed dots");
        tell(seen, Sign.FADED, "faded colours");
        tell(seen, Sign.MOIRE, "waves of colour");
        tell(seen, Sign.SMOOTH, "no pores");
        tell(seen, Sign.OTHER_TONE, "another tone");
        tell(seen, Sign.KOHL, "black paint around the eyes");
        tell(seen, Sign.LIPSTICK, "painted lips");
        return seen.isEmpty() ? "nothing strange" : String.join(" and ", seen);
    }

    private void tell(List<String> seen, Sign sign, String words) {
        if (signs.contains(sign) && seen.size() < 2) {
            seen.add(words);
        }
    }

    /** Borders of what is held before the face. */
    String edges() {
        String held = signs.contains(Sign.FINGERS) ? " held by fingers" : "";
        if (signs.contains(Sign.SHEET_BORDER)) {
            return "the border of a sheet" + held;
        }
        if (signs.contains(Sign.SCREEN_FRAME)) {
            return "the frame of a screen" + held;
        }
        return signs.contains(Sign.STRIP_BORDER) ? "the border of a strip" : "none";
    }

    /** The plainest of all, as the ground of a short answer. */
    String main() {
        return switch (attack) {
            case BONA_FIDE ->
                picks.of("skin and relief are those of a living face", "nothing covers the face", "all features fit");
            case PRINT -> picks.of("a sheet of paper is held before the face", "the face is printed on a sheet");
            case REPLAY -> picks.of("the face is shown on a screen", "the frame of a screen is around the face");
            case PAPER_MASK -> picks.of("a printed face is worn as a mask", "the face is cut out of paper");
            case RIGID_MASK -> picks.of("a stiff shell covers the face", "the face is of hard plastic");
            case FLEXIBLE_MASK -> picks.of("rubber covers the head", "a soft mask is pulled over the head");
            case GLASSES -> picks.of("toy glasses cover the eyes", "the eyes are printed on glasses");
            case PARTIAL_EYE -> picks.of("a strip of paper covers the eyes", "printed eyes lie over the eyes");
            case PARTIAL_MOUTH -> picks.of("a piece of paper covers the mouth", "a printed mouth lies over the mouth");
            case MAKEUP -> picks.of("heavy paint changes the face", "the face is painted to look like another");
        };
    }
}
