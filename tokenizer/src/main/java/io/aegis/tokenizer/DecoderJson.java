package io.aegis.tokenizer;

/** The {@code decoder} of a tokenizer.json. */
final class DecoderJson {
    private DecoderJson() {}

    static Decoder read(JsonFields json) {
        String type = json.text("type");
        return switch (type) {
            case "Sequence" ->
                new Decoder.Sequence(
                        json.objects("decoders").stream().map(DecoderJson::read).toList());
            case "ByteLevel" -> new Decoder.ByteLevel();
            case "ByteFallback" -> new Decoder.Bytes();
            case "Fuse" -> new Decoder.Fuse();
            case "Replace" -> new Decoder.Replace(PatternJson.read(json), json.text("content"));
            case "Metaspace" ->
                new Decoder.Metaspace(
                        json.character("replacement"),
                        PreTokenizerJson.scheme(json) != PreTokenizer.Metaspace.Scheme.NEVER);
            case "Strip" -> strip(json);
            case "BPEDecoder" -> new Decoder.EndOfWord(json.text("suffix", "</w>"));
            default -> throw json.invalid("is of type \"" + type + "\", which is not supported");
        };
    }

    private static Decoder strip(JsonFields json) {
        String content = json.character("content");
        if (content.length() > 1) {
            throw json.mismatch("content", json.node().get("content"), "a character of the basic plane");
        }
        return new Decoder.Strip(content.charAt(0), json.count("start"), json.count("stop"));
    }
}
