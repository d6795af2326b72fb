package io.aegis.models.checkpoint;

import io.aegis.weights.WeightsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The files of a tokenizer, as they lie beside a model. */
final class TokenizerFiles {
    private static final List<String> ONE_OF = List.of("tokenizer.json", "tokenizer.model");
    private static final List<String> BESIDES =
            List.of("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json");

    private TokenizerFiles() {}

    /**
     * Those to copy.
     *
     * @param given a file, a folder, or null for none
     * @throws WeightsException when there is no tokenizer
     */
    static List<Path> of(Path given) {
        if (given == null) {
            return List.of();
        }
        if (Files.isRegularFile(given) && ONE_OF.contains(given.getFileName().toString())) {
            return List.of(given);
        }
        if (ONE_OF.stream().noneMatch(name -> Files.isRegularFile(given.resolve(name)))) {
            throw WeightsException.of(
                    given,
                    "is no tokenizer, expected " + String.join(" or ", ONE_OF) + ", or a folder with one of them");
        }
        return Stream.concat(ONE_OF.stream(), BESIDES.stream())
                .map(given::resolve)
                .filter(Files::isRegularFile)
                .toList();
    }
}
