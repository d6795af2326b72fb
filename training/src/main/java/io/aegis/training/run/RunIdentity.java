package io.aegis.training.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/**
 * What a run's result follows from. Two runs with equal ones write the same bytes.
 *
 * @param options flat, in a fixed order, so that two compare as text
 * @param data changes whenever the data do
 */
public record RunIdentity(ObjectNode options, String data) {
    /** The first option in which another differs, as a sentence's part: {@code epochs 3 rather than 2}; empty when equal. */
    public Optional<String> difference(ObjectNode then) {
        Set<String> names = new LinkedHashSet<>();
        options.fieldNames().forEachRemaining(names::add);
        then.fieldNames().forEachRemaining(names::add);
        for (String name : names) {
            String before = then.path(name).asText("none");
            String now = options.path(name).asText("none");
            if (!before.equals(now)) {
                return Optional.of(name + " " + now + " rather than " + before);
            }
        }
        return Optional.empty();
    }
}
