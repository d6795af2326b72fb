package io.aegis.training.synthetic.instruction;

import io.aegis.image.Box;
import io.aegis.image.Corners;
import io.aegis.models.faceshield.AttackType;
import io.aegis.models.faceshield.BoxCodec;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.training.synthetic.Attack;
import io.aegis.training.synthetic.SyntheticFace;

/** Reference answers in the forms of FaceShield's figure 1 (arXiv 2505.09415). */
final class Answers {
    private static final double WITH_REASON = 0.5;

    private final BoxCodec boxes;

    Answers(BoxCodec boxes) {
        this.boxes = boxes;
    }

    String of(FaceTask task, SyntheticFace face, Picks picks) {
        Findings findings = new Findings(face, picks);
        return switch (task) {
            case COARSE -> coarse(face, findings, picks);
            case FINE -> fine(face, findings, picks);
            case REASON -> reason(face, findings);
            case LOCATE -> locate(face, findings);
        };
    }

    private static String coarse(SyntheticFace face, Findings findings, Picks picks) {
        String decision = "The face in the image is a " + (face.attack().isBonaFide() ? "real face" : "spoof");
        return decision + (picks.chance(WITH_REASON) ? ", as " + findings.main() + "." : ".");
    }

    private static String fine(SyntheticFace face, Findings findings, Picks picks) {
        String name = named(face.attack());
        return picks.chance(WITH_REASON) ? name + " It shows that " + findings.main() + "." : name;
    }

    /** The name of an attack in one sentence. */
    static String named(Attack attack) {
        return "The face in the image is a " + type(attack).title() + (attack.isBonaFide() ? " face." : " Attack.");
    }

    private static String reason(SyntheticFace face, Findings f) {
        return "According to the picture, Facial Lighting: " + f.lighting()
                + "; Screen or Paper Edges: " + f.edges()
                + "; Skin Texture: " + f.texture()
                + "; Sense of Depth: " + f.depth()
                + "; Facial Features: " + f.shape()
                + ". We can conclude that the face in the picture is a "
                + (face.attack().isBonaFide() ? "real face." : "spoof.");
    }

    private String locate(SyntheticFace face, Findings findings) {
        if (face.attack().isBonaFide()) {
            return "There is no spoof area, as the face in the image is a real face.";
        }
        return "The location of the spoof area is "
                + boxes.write(corners(face.covered()), face.size(), face.size())
                + ", where " + findings.main() + ".";
    }

    /** The class that FaceShield's data have for an attack. */
    static AttackType type(Attack attack) {
        return switch (attack) {
            case BONA_FIDE -> AttackType.BONA_FIDE;
            case PRINT -> AttackType.PRINT;
            case REPLAY -> AttackType.REPLAY;
            case PAPER_MASK -> AttackType.PAPER_MASK;
            case RIGID_MASK -> AttackType.RIGID_MASK;
            case FLEXIBLE_MASK -> AttackType.FLEXIBLE_MASK;
            case GLASSES -> AttackType.GLASSES;
            case PARTIAL_EYE -> AttackType.PARTIAL_EYE;
            case PARTIAL_MOUTH -> AttackType.PARTIAL_MOUTH;
            case MAKEUP -> AttackType.MAKEUP;
        };
    }

    static Corners corners(Box box) {
        return new Corners(box.x(), box.y(), box.x() + box.width(), box.y() + box.height());
    }
}
