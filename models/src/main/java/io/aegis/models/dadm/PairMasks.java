package io.aegis.models.dadm;

import static io.aegis.tensor.Ops.matmul;
import static io.aegis.tensor.Ops.mean;
import static io.aegis.tensor.Ops.mosaic;
import static io.aegis.tensor.Ops.products;

import io.aegis.layers.Linear;
import io.aegis.layers.Pass;
import io.aegis.layers.Stage;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The masks of all three pairs of one layer at once: pairs lie one behind the other along the batch, both modalities of a pair side
 * by side along the channels. What {@link MutualInformationMask#align} and adapter_down compute, but for rounding, in as many
 * launches as one pair alone would take, and without the aligned modalities: adapter_down (a rows) times fc1 or fc2 is a matrix of a
 * rows, so that D columns are never computed to be reduced to a.
 */
final class PairMasks {
    private static final int PAIRS = Modality.Pair.ALL.size();
    /** For each pair, which modalities. */
    private static final int[][] OF_PAIR = new int[PAIRS][];
    /** For each modality the two views of it, counted through pairs and their sides. */
    private static final int[][] FIRST_VIEWS = new int[Modality.COUNT][1];

    private static final int[][] SECOND_VIEWS = new int[Modality.COUNT][1];

    static {
        int[] views = new int[Modality.COUNT];
        for (int p = 0; p < PAIRS; p++) {
            Modality.Pair pair = Modality.Pair.ALL.get(p);
            OF_PAIR[p] = new int[] {pair.a().ordinal(), pair.b().ordinal()};
            for (int side = 0; side < 2; side++) {
                int modality = OF_PAIR[p][side];
                (views[modality]++ == 0 ? FIRST_VIEWS : SECOND_VIEWS)[modality][0] = 2 * p + side;
            }
        }
    }

    private final int width;
    private final int grid;
    private final int h1;
    private final MutualInformationMask.Stages stages;
    private final List<Linear> classInteractions;
    private final List<Linear> fuses = new ArrayList<>();
    private final List<Linear> downs = new ArrayList<>();

    /**
     * @param masks one a pair
     * @param adapters one a modality
     */
    PairMasks(DadmConfig config, List<MutualInformationMask> masks, List<CdcAdapter> adapters) {
        width = config.width();
        grid = config.grid();
        h1 = config.mimMask();
        stages = new MutualInformationMask.Stages(masks);
        classInteractions =
                masks.stream().map(MutualInformationMask::classInteraction).toList();
        for (int p = 0; p < PAIRS; p++) {
            fuses.add(masks.get(p).fuseA());
            fuses.add(masks.get(p).fuseB());
            downs.add(adapters.get(OF_PAIR[p][0]).down());
            downs.add(adapters.get(OF_PAIR[p][1]).down());
        }
    }

    /** Both modalities of each pair, from those of all: [3B, n, D] to [3B, n, 2D]. */
    static Tensor pairs(Tensor c) {
        return mosaic(c, Modality.COUNT, OF_PAIR);
    }

    /**
     * Pairs behind their masks.
     *
     * @param own both modalities, masked but for the class tokens, [3B, N, 2D]
     * @param shared what they share, class token included, [3B, N, H2]; without it [3B, G, G, H2] where nobody asked
     */
    record Masked(Tensor own, Tensor shared) {
        /** Information tokens, [B, 1, D] each: of the first pair's first modality, of its second, and so on. */
        Tensor[] tokens() {
            Tensor all = mean(own, 1); //                                                   [3B, 1, 2D]
            long b = all.size(0) / PAIRS;
            long d = all.size(2) / 2;
            long[] each = new long[2 * PAIRS];
            Arrays.fill(each, b);
            Tensor bySide = Ops.permute(all.reshape(PAIRS, b, 2, d), 0, 2, 1, 3);
            return Ops.split(bySide.reshape(2 * PAIRS * b, 1, d), 0, each);
        }
    }

    /**
     * @param patches of pairs as {@link #pairs} gives them, [3B, N - 1, 2D]
     * @param classes their class tokens, [3B, 1, 2D]
     * @param classShared whether the class tokens' part of what is shared is wanted
     */
    Masked mask(Tensor patches, Tensor classes, Pass pass, boolean classShared) {
        long b = patches.size(0);
        Tensor maps = patches.reshape(b, grid, grid, 2L * width); //                        [3B, G, G, 2D]
        Tensor p = stages.pointwise.of(stages.depthwise.of(maps, pass), pass); //           [3B, G, G, H2]
        Tensor shared = classShared
                ? stages.shared.of(p, pass, null, Stage.linears(classes, classInteractions)) // [3B, N, H2]
                : stages.shared.of(p, pass);
        Tensor s = classShared ? shared.slice(1, 1, shared.size(1)).reshape(p.shape()) : shared; // [3B, G, G, H2]
        Tensor m = stages.mask1.of(stages.mask0.of(s, pass), pass); //                      [3B, G, G, H1]
        return new Masked(stages.mask2.of(m, pass, maps, classes), shared);
    }

    /**
     * The aligned modalities as the adapters take them in, the mean of both views of each, bias of the adapters not included:
     * [3B, N, a], modality after modality.
     */
    Tensor intoAdapters(Masked m) {
        return intoAdapters(m.own, m.shared);
    }

    /** As above for the class tokens alone, pairs [3B, 1, 2D]: they do not pass the mask, so there is nothing to convolve. */
    Tensor classIntoAdapters(Tensor pairs) {
        return intoAdapters(pairs, Stage.linears(pairs, classInteractions));
    }

    private Tensor intoAdapters(Tensor own, Tensor shared) {
        Tensor all = products(weights(downs), weights(fuses)); //                           [6, a, D + H1]
        long a = all.size(1);
        Tensor[] folded = Ops.split(all.reshape(PAIRS, 2, a, width + h1), 3, width, h1);
        List<Tensor> columns =
                fuses.stream().map(f -> f.bias().tensor().reshape(width, 1)).toList();
        Tensor bias = products(weights(downs), columns).reshape(2L * PAIRS, 1, a);
        long b = own.size(0) / PAIRS;
        long n = own.size(1);
        Tensor x = matmul(sides(own), turned(folded[0])); //                [3, 2, B n, a]
        Tensor y = matmul(sides(shared), turned(folded[1]));
        Tensor views = x.plus(y).reshape(2L * PAIRS, b * n, a).plus(bias);
        return sumOfViews(views).times(0.5).reshape(own.size(0), n, a);
    }

    private static Tensor sumOfViews(Tensor views) {
        return mosaic(views, 2 * PAIRS, FIRST_VIEWS).plus(mosaic(views, 2 * PAIRS, SECOND_VIEWS));
    }

    private static List<Tensor> weights(List<Linear> linears) {
        return linears.stream().map(l -> l.weight().tensor()).toList();
    }

    private static Tensor turned(Tensor matrices) {
        return matrices.permute(0, 1, 3, 2);
    }

    /** What belongs to either side of each pair: [3B, n, 2 C] to [3, 2, B n, C]. */
    private static Tensor sides(Tensor x) {
        long rows = x.size(0) / PAIRS * x.size(1);
        return Ops.permute(x.reshape(PAIRS, rows, 2, x.size(2) / 2), 0, 2, 1, 3);
    }
}
