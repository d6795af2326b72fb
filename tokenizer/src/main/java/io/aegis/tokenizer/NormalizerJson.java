package io.aegis.tokenizer;

import java.text.Normalizer.Form;

/** The {@code normalizer} of a tokenizer.json. */
final class NormalizerJson {
    private NormalizerJson() {}

    static Normalizer read(JsonFields json) {
        String type = json.text("type");
        return switch (type) {
            case "Sequence" ->
                new Normalizer.Sequence(json.objects("normalizers").stream()
                        .map(NormalizerJson::read)
                        .toList());
            case "Prepend" -> new Normalizer.Prepend(json.text("prepend"));
            case "Replace" -> new Normalizer.Replace(PatternJson.read(json), json.text("content"));
            case "NFC" -> new Normalizer.Unicoded(Form.NFC);
            case "NFD" -> new Normalizer.Unicoded(Form.NFD);
            case "NFKC" -> new Normalizer.Unicoded(Form.NFKC);
            case "NFKD" -> new Normalizer.Unicoded(Form.NFKD);
            case "Lowercase" -> new Normalizer.Lowercase();
            case "Strip" -> new Normalizer.Strip(json.flag("strip_left", true), json.flag("strip_right", true));
            default -> throw json.invalid("is of type \"" + type + "\", which is not supported");
        };
    }
}
