package io.aegis.tokenizer;

import java.util.HashMap;
import java.util.Map;

/** Tokens by id and ids by token. Ids run from 0 without gaps. */
final class Vocabulary {
    private final Map<String, Integer> ids;
    private final String[] tokens;

    /**
     * Numbers tokens as the map does.
     *
     * @throws IllegalArgumentException when an id is used twice, or not used though there are higher ones
     */
    Vocabulary(Map<String, Integer> ids) {
        this.ids = ids;
        this.tokens = new String[ids.size()];
        for (Map.Entry<String, Integer> e : ids.entrySet()) {
            int id = e.getValue();
            if (id < 0 || id >= tokens.length) {
                throw new IllegalArgumentException("token \"" + e.getKey() + "\" has id " + id + " among "
                        + tokens.length + " tokens: ids must run from 0 to " + (tokens.length - 1) + " without gaps");
            }
            if (tokens[id] != null) {
                throw new IllegalArgumentException(
                        "tokens \"" + tokens[id] + "\" and \"" + e.getKey() + "\" have the same id " + id);
            }
            tokens[id] = e.getKey();
        }
    }

    /** Numbers tokens in their order, none of them twice. */
    static Vocabulary of(Iterable<String> tokens) {
        Map<String, Integer> ids = new HashMap<>();
        for (String token : tokens) {
            if (ids.putIfAbsent(token, ids.size()) != null) {
                throw new IllegalArgumentException("there is token \"" + token + "\" twice");
            }
        }
        return new Vocabulary(ids);
    }

    int size() {
        return tokens.length;
    }

    String token(int id) {
        return tokens[id];
    }

    /** The id of a token; -1 when there is none. */
    int id(String token) {
        return ids.getOrDefault(token, -1);
    }
}
