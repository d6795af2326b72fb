package io.aegis.tokenizer;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of a tokenizer.json, which is written for Oniguruma (Ruby's dialect, UTF-8), matched by {@link
 * Pattern}. It is translated construct by construct; a construct that the two could take differently is refused.
 */
final class OnigurumaPattern implements Matcher {
    private final String source;
    private final Pattern compiled;

    /**
     * Translates a pattern.
     *
     * @throws IllegalArgumentException when it is wrong or not supported, with the reason
     */
    OnigurumaPattern(String source) {
        this.source = source;
        try {
            compiled = Pattern.compile(OnigurumaTranslation.of(source), Pattern.UNIX_LINES);
        } catch (PatternSyntaxException e) {
            throw OnigurumaSource.unsupported(source, e.getDescription(), Math.max(0, e.getIndex()));
        }
        if (compiled.matcher("").find() || compiled.matcher("a").results().anyMatch(m -> m.start() == m.end())) {
            throw new IllegalArgumentException(
                    "the pattern " + source + " can match nothing at all, which cuts nowhere");
        }
    }

    @Override
    public int[] matches(String text) {
        IntList out = new IntList();
        java.util.regex.Matcher m = compiled.matcher(text);
        try {
            while (m.find()) {
                if (m.end() > m.start()) {
                    out.add(m.start());
                    out.add(m.end());
                }
            }
        } catch (StackOverflowError e) {
            throw new TokenizerException(
                    "a text of " + text.length() + " characters is too long for the pattern " + source, e);
        }
        return out.toArray();
    }
}
