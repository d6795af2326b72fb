package io.aegis.models.lora;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code adapter_config.json} says of an adapter; see {@link AdapterJson} for the file.
 *
 * @param base the model that it is for, a path or a name; empty when not told
 * @param rank r
 * @param alpha the scale is alpha / r
 * @param dropout in training, of what goes into an adapter
 * @param targets which linears have one
 * @param rankStabilised the scale is alpha / sqrt(r) instead (arXiv 2312.03732)
 * @param ranks other ranks for some linears: by a regular expression for the end of their names
 * @param alphas other alphas likewise
 * @param layers blocks that have adapters; empty for all
 * @param saved modules that were trained as a whole and are kept beside; only a projector may be
 */
public record LoraConfig(
        Optional<String> base,
        int rank,
        double alpha,
        double dropout,
        TargetModules targets,
        boolean rankStabilised,
        Map<String, Integer> ranks,
        Map<String, Double> alphas,
        Set<Integer> layers,
        List<String> saved) {
    private static final Pattern LAYER = Pattern.compile("(?:.*\\.)?layers\\.(\\d+)\\..*");

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException for a rank, alpha or dropout that makes no sense
     */
    public LoraConfig {
        // The first pattern that fits decides, so their order stays.
        ranks = Collections.unmodifiableMap(new LinkedHashMap<>(ranks));
        alphas = Collections.unmodifiableMap(new LinkedHashMap<>(alphas));
        layers = Set.copyOf(layers);
        saved = List.copyOf(saved);
        List<Integer> allRanks = new ArrayList<>(ranks.values());
        allRanks.add(rank);
        if (allRanks.stream().anyMatch(r -> r <= 0)) {
            throw new IllegalArgumentException("rank " + allRanks + ": expected numbers above 0");
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("lora_dropout " + dropout + ": expected at least 0 and below 1");
        }
    }

    /** An adapter of a Llama's seven linears in every block. */
    public static LoraConfig of(int rank, double alpha, double dropout) {
        return new LoraConfig(
                Optional.empty(),
                rank,
                alpha,
                dropout,
                TargetModules.LLAMA,
                false,
                Map.of(),
                Map.of(),
                Set.of(),
                List.of());
    }

    /** Whether a linear has an adapter. */
    public boolean targets(String module) {
        return isInLayers(module) && targets.include(module);
    }

    private boolean isInLayers(String module) {
        Matcher layer = LAYER.matcher(module);
        return layers.isEmpty() || layer.matches() && layers.contains(Integer.parseInt(layer.group(1)));
    }

    /** The rank of one linear's adapter. */
    public int rank(String module) {
        return pick(ranks, module, rank);
    }

    /** s of one linear's adapter: alpha / r or alpha / sqrt(r). */
    public double scale(String module) {
        double r = rank(module);
        return pick(alphas, module, alpha) / (rankStabilised ? Math.sqrt(r) : r);
    }

    private static <T> T pick(Map<String, T> patterns, String module, T otherwise) {
        return patterns.entrySet().stream()
                .filter(e -> Pattern.compile("(?:.*\\.)?(?:" + e.getKey() + ")")
                        .matcher(module)
                        .matches())
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(otherwise);
    }
}
