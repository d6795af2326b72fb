package io.aegis.models.dadm;

/**
 * Sizes of a DADM.
 *
 * @param width D, channels of a token
 * @param heads attention heads
 * @param layers L, encoder layers
 * @param grid G, patches a side
 * @param patch pixels a side of a patch
 * @param mlp hidden width of the encoder's MLPs
 * @param mimMask H1, inner width of the mask branch; the interaction map has H2 = 2 H1 channels
 * @param adapter a, inner width of the adapters
 * @param classes number of prototypes a modality: bona fide, and attacks by domain
 */
public record DadmConfig(
        int width, int heads, int layers, int grid, int patch, int mlp, int mimMask, int adapter, int classes) {
    /** Heads of source domains; the published model has three. */
    public static final int DOMAINS = 3;

    /** ViT-B/16 at 224 pixels, the published size: 267,788,064 parameters. */
    public static final DadmConfig BASE = new DadmConfig(768, 12, 12, 14, 16, 3072, 128, 8, 5);

    public DadmConfig {
        positive("D", width);
        positive("heads", heads);
        positive("L", layers);
        positive("G", grid);
        positive("patch", patch);
        positive("mlp", mlp);
        positive("mim_h1", mimMask);
        positive("adapter_dim", adapter);
        positive("n_classes", classes);
        if (width % heads != 0) {
            throw new IllegalArgumentException("heads " + heads + " does not divide D " + width);
        }
    }

    private static void positive(String key, int value) {
        if (value <= 0) {
            throw new IllegalArgumentException(key + " must be positive, not " + value);
        }
    }

    /** Side of a picture in pixels. */
    public int image() {
        return grid * patch;
    }

    /** N, tokens of a modality, the class token included. */
    public int tokens() {
        return grid * grid + 1;
    }

    /** H2, channels of the interaction map. */
    public int mimShared() {
        return 2 * mimMask;
    }
}
