package io.aegis.tokenizer;

/** The {@code pattern} of a part of a tokenizer.json: {@code {"String": ...}} or {@code {"Regex": ...}}. */
final class PatternJson {
    private PatternJson() {}

    static Matcher read(JsonFields json) {
        JsonFields pattern = json.object("pattern");
        try {
            if (pattern.has("String")) {
                return new Matcher.Literal(pattern.text("String"));
            }
            return of(pattern.text("Regex"));
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(json.file() + ": " + pattern.where() + ": " + e.getMessage(), e);
        }
    }

    /** Patterns that models use are written out by hand; others are translated. */
    static Matcher of(String regex) {
        return switch (regex) {
            case LlamaScanner.LLAMA3 -> new LlamaScanner(3);
            case LlamaScanner.QWEN2 -> new LlamaScanner(1);
            case Gpt2Scanner.GPT2 -> new Gpt2Scanner();
            default -> new OnigurumaPattern(regex);
        };
    }
}
