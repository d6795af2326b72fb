package io.aegis.models.dadm;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;

/**
 * What a model folder's {@code config.json} says: all that stays the same during a run.
 *
 * @param config sizes
 * @param domains source domains in the order of their heads; empty when not told
 * @param recipe how it is trained, {@code intended} or {@code official} (see {@link Recipe})
 */
public record DadmInfo(DadmConfig config, List<String> domains, String recipe) {
    /**
     * Checks recipe and domains.
     *
     * @throws IllegalArgumentException for an unknown recipe, or a domain without a name or named twice
     */
    public DadmInfo {
        Objects.requireNonNull(config);
        Recipe.named(recipe);
        domains = List.copyOf(domains);
        if (domains.stream().anyMatch(String::isBlank) || new HashSet<>(domains).size() != domains.size()) {
            throw new IllegalArgumentException("domains " + domains + ": expected a name of its own for each");
        }
    }
}
