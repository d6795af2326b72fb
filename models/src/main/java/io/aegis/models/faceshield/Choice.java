package io.aegis.models.faceshield;

import io.aegis.weights.ConfigJson;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A closed set of values and their names in config.json. */
final class Choice<T> {
    private final Map<String, T> named;

    private Choice(Map<String, T> named) {
        this.named = named;
    }

    /** Values named as they are in Java, in lower case with hyphens. */
    static <E extends Enum<E>> Choice<E> of(Class<E> type) {
        Map<String, E> named = new LinkedHashMap<>();
        for (E value : type.getEnumConstants()) {
            named.put(value.name().toLowerCase(Locale.ROOT).replace('_', '-'), value);
        }
        return new Choice<>(named);
    }

    /** Values under names of their own, in order. */
    static <T> Choice<T> of(Map<String, T> named) {
        return new Choice<>(new LinkedHashMap<>(named));
    }

    /**
     * The value that a key names.
     *
     * @param otherwise without the key
     * @throws io.aegis.weights.WeightsException for another name, with those there are
     */
    T read(ConfigJson json, String key, T otherwise) {
        if (!json.has(key)) {
            return otherwise;
        }
        T value = named.get(json.text(key));
        if (value == null) {
            throw json.invalid(key, "is not known, expected one of " + String.join(", ", named.keySet()));
        }
        return value;
    }

    /** The name of a value. */
    String name(T value) {
        return named.entrySet().stream()
                .filter(e -> e.getValue().equals(value))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }
}
