package io.aegis.tokenizer;

/** Texts with the place of a picture in them. */
public final class ImagePrompt {
    /** The id that stands for the picture; no tokenizer has it. */
    public static final int IMAGE_ID = -200;

    private ImagePrompt() {}

    /**
     * The ids of a text, {@link #IMAGE_ID} for each {@code <image>}. What stands between is encoded piece by piece, as Bunny
     * and LLaVA do: each piece begins as a text of its own, but only the first keeps its BOS.
     */
    public static Encoding encode(Tokenizer tokenizer, String text) {
        EncodingBuilder out = new EncodingBuilder();
        int begin = 0;
        for (int image = text.indexOf(ChatTemplate.IMAGE);
                image >= 0;
                image = text.indexOf(ChatTemplate.IMAGE, begin)) {
            add(tokenizer, text, begin, image, out);
            begin = image + ChatTemplate.IMAGE.length();
            out.add(IMAGE_ID, image, begin);
        }
        add(tokenizer, text, begin, text.length(), out);
        return out.build();
    }

    private static void add(Tokenizer tokenizer, String text, int begin, int end, EncodingBuilder out) {
        Encoding piece = tokenizer.encoding(text.substring(begin, end), true);
        boolean bosAgain = begin > 0
                && piece.length() > 0
                && tokenizer.bos().isPresent()
                && piece.ids()[0] == tokenizer.bos().getAsInt();
        for (int i = bosAgain ? 1 : 0; i < piece.length(); i++) {
            out.add(piece.ids()[i], begin + piece.starts()[i], begin + piece.ends()[i]);
        }
    }
}
