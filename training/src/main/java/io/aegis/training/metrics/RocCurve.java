package io.aegis.training.metrics;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The receiver operating characteristic with bona fide as the positive class: one vertex a distinct score and the
 * origin, thresholds descending. Equal scores share a vertex, so nothing depends on the order of the samples.
 *
 * @param points the vertices, from (0, 0) to (1, 1)
 * @param bonaFide number of bona fide samples, at least one
 * @param attacks number of attacks, at least one
 */
public record RocCurve(List<Point> points, int bonaFide, int attacks) {
    /**
     * A vertex.
     *
     * @param threshold accepts every score that is at least this; at the origin the smallest number above every score
     * @param acceptedBonaFide how many bona fide samples that accepts
     * @param acceptedAttacks how many attacks that accepts
     */
    public record Point(double threshold, int acceptedBonaFide, int acceptedAttacks) {}

    /**
     * The equal error rate.
     *
     * @param rate where the ROC, straight between its vertices, crosses FPR = 1 - TPR
     * @param point the vertex nearest to that, by |FPR - (1 - TPR)|; of two as near the one with the smaller sum of
     *     errors, then the one with the higher threshold
     */
    public record EqualError(double rate, Point point) {}

    /** Copies the vertices. */
    public RocCurve {
        points = List.copyOf(points);
    }

    /**
     * The curve of a set.
     *
     * @throws IllegalArgumentException for a set of one class
     */
    public static RocCurve of(Scores scores) {
        int bonaFide = scores.bonaFide();
        int attacks = scores.attacks();
        if (bonaFide == 0 || attacks == 0) {
            throw new IllegalArgumentException("the " + scores.split() + " set '" + scores.name() + "' has " + bonaFide
                    + " bona fide and " + attacks + " attack samples; both classes are needed");
        }
        List<Sample> sorted = new ArrayList<>(scores.samples());
        sorted.sort(Comparator.comparingDouble(Sample::score).reversed());
        List<Point> points = new ArrayList<>();
        points.add(new Point(Math.nextUp(sorted.getFirst().score()), 0, 0));
        int live = 0;
        for (int i = 0; i < sorted.size(); i++) {
            Sample s = sorted.get(i);
            live += s.bonaFide() ? 1 : 0;
            boolean last = i + 1 == sorted.size() || sorted.get(i + 1).score() != s.score();
            if (last) {
                points.add(new Point(s.score(), live, i + 1 - live));
            }
        }
        return new RocCurve(points, bonaFide, attacks);
    }

    /** True positive rate at a vertex: accepted bona fide, 1 - BPCER. */
    public double tpr(Point p) {
        return (double) p.acceptedBonaFide / bonaFide;
    }

    /** False positive rate at a vertex: accepted attacks, all types pooled. */
    public double fpr(Point p) {
        return (double) p.acceptedAttacks / attacks;
    }

    /**
     * Area under the curve: the share of (bona fide, attack) pairs in which bona fide scores higher, a tie counting one
     * half (Mann-Whitney). Counted in integers, divided once.
     */
    public double auc() {
        long twice = 0;
        for (int i = 1; i < points.size(); i++) {
            Point a = points.get(i - 1);
            Point b = points.get(i);
            twice += (long) (b.acceptedAttacks - a.acceptedAttacks) * (a.acceptedBonaFide + b.acceptedBonaFide);
        }
        return twice / (2.0 * bonaFide * attacks);
    }

    /** The equal error rate, and the vertex nearest to it. */
    public EqualError equalError() {
        Point nearest = points.getFirst();
        for (Point p : points) {
            long closer = Long.compare(Math.abs(imbalance(p)), Math.abs(imbalance(nearest)));
            if (closer < 0 || (closer == 0 && errors(p) < errors(nearest))) {
                nearest = p;
            }
        }
        int after = 1;
        while (imbalance(points.get(after)) < 0) {
            after++;
        }
        Point a = points.get(after - 1);
        Point b = points.get(after);
        double t = -imbalance(a) / (double) (imbalance(b) - imbalance(a));
        return new EqualError(fpr(a) + t * (fpr(b) - fpr(a)), nearest);
    }

    /**
     * The greatest true positive rate among the vertices whose false positive rate is at most the limit. Nothing is
     * interpolated: with fewer than 1 / limit attacks it is the rate at which no attack passes.
     *
     * @param limit in [0, 1]
     * @throws IllegalArgumentException for a limit outside
     */
    public double tprAtFpr(double limit) {
        return tpr(atFpr(limit));
    }

    /** The last vertex, so the lowest threshold, whose false positive rate is at most the limit. */
    Point atFpr(double limit) {
        checkLimit("FPR", limit);
        Point best = points.getFirst();
        for (Point p : points) {
            if (fpr(p) > limit) {
                break;
            }
            best = p;
        }
        return best;
    }

    /** The first vertex, so the highest threshold, whose BPCER is at most the limit. */
    Point atBpcer(double limit) {
        checkLimit("BPCER", limit);
        for (Point p : points) {
            if ((double) (bonaFide - p.acceptedBonaFide) / bonaFide <= limit) {
                return p;
            }
        }
        throw new AssertionError("the last vertex accepts everything");
    }

    /**
     * The middle of the thresholds that decide as this vertex does, so that a set which separates well leaves as much
     * room on either side.
     */
    double middle(Point p) {
        int i = points.indexOf(p);
        if (i == 0 || i + 1 == points.size()) {
            return p.threshold;
        }
        double below = points.get(i + 1).threshold;
        double middle = below / 2 + p.threshold / 2;
        return middle > below && middle <= p.threshold ? middle : p.threshold;
    }

    static void checkLimit(String name, double limit) {
        if (!(limit >= 0 && limit <= 1)) {
            throw new IllegalArgumentException("a limit on " + name + " is between 0 and 1, not " + limit);
        }
    }

    /** FPR - FNR, times both class sizes: exact, and strictly ascending along the curve. */
    private long imbalance(Point p) {
        return (long) p.acceptedAttacks * bonaFide - (long) (bonaFide - p.acceptedBonaFide) * attacks;
    }

    /** FPR + FNR, times both class sizes. */
    private long errors(Point p) {
        return (long) p.acceptedAttacks * bonaFide + (long) (bonaFide - p.acceptedBonaFide) * attacks;
    }
}
