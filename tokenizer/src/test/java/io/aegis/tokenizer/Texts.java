package io.aegis.tokenizer;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/** Texts that are hard on tokenizers. */
final class Texts {
    private static final String[] AWKWARD = {
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\u000b",
        "\u0085",
        "\u00a0",
        "\u1680",
        "\u180e",
        "\u200b",
        "\u2003",
        "\u2028",
        "\u202f",
        "\u3000",
        "\ufeff",
        "'s",
        "'S",
        "'ſ",
        "'RE",
        "'ve",
        "'LL",
        "'",
        "ſ",
        "K",
        "\u0130",
        "a",
        "the",
        " world",
        "USER: ",
        " ASSISTANT:",
        "1",
        "23",
        "456",
        "7890",
        "٣",
        "Ⅷ",
        "½",
        "²",
        "é",
        "e\u0301",
        "ß",
        "ж",
        "你",
        "가",
        "\u1100\u1161",
        "😀",
        "👁️",
        "🇩🇪",
        "\ud835\udd04",
        "\u0300",
        "\u200d",
        "_",
        "-",
        "...",
        "!?",
        "▁",
        "<0x41>",
        "\u0000",
        "\u001c",
        "\u007f",
        "\ufffd",
        "\ud800",
        "\udc00"
    };

    private Texts() {}

    /** A little of everything, halves of surrogate pairs among it. */
    static Arbitrary<String> any() {
        return Arbitraries.frequencyOf(
                        net.jqwik.api.Tuple.of(4, Arbitraries.of(AWKWARD)),
                        net.jqwik.api.Tuple.of(
                                1,
                                Arbitraries.integers()
                                        .between(0, Character.MAX_CODE_POINT)
                                        .map(Character::toString)),
                        net.jqwik.api.Tuple.of(
                                1, Arbitraries.integers().between(0, 0x2fff).map(Character::toString)))
                .list()
                .ofMaxSize(16)
                .map(parts -> String.join("", parts));
    }

    /** Enough to learn a small vocabulary from. */
    static final List<String> CORPUS = List.of(
            ChatTemplate.BUNNY.prompt("Is the face in the image real or spoof ?"),
            "The face in the image is a spoof, as the texture of the face is that of printed paper.",
            "The face in the image is real: the lighting on the face is natural and the shape is consistent.",
            "The location of the spoof area is [ 99.0 295.0 341.0 485.0 ], which is a screen.",
            "Das Gesicht im Bild ist echt. Лицо на изображении настоящее. 图中的人脸是真实的。 😀😀👁️");
}
