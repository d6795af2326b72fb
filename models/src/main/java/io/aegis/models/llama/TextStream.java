package io.aegis.models.llama;

/** Makes text of one sequence's tokens as they come. */
public interface TextStream {
    /** For those who want tokens only. */
    TextStream SILENT = new TextStream() {
        @Override
        public String next(int id) {
            return "";
        }

        @Override
        public String finish() {
            return "";
        }
    };

    /** Takes in a token; the text that is complete with it, perhaps none. */
    String next(int id);

    /** What is left when no more tokens come. */
    String finish();
}
