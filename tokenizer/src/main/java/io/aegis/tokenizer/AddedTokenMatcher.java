package io.aegis.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds added tokens in a text: from left to right, of those that begin at one place the longest. A token that is white
 * space itself is found even where the one before took it along, as in Hugging Face's tokenizers.
 */
final class AddedTokenMatcher {
    /** A stretch of a text, and the token that it is, or null. */
    record Part(Text text, AddedToken token) {}

    /** One character further into the tokens that begin alike. */
    private static final class Node {
        private final Map<Character, Node> next = new HashMap<>();
        private AddedToken token;
    }

    private final Node root = new Node();

    /** Adds a token, looked for by some characters. */
    void add(String characters, AddedToken token) {
        Node node = root;
        for (int i = 0; i < characters.length(); i++) {
            node = node.next.computeIfAbsent(characters.charAt(i), _ -> new Node());
        }
        node.token = token;
    }

    /** Cuts a text into the tokens found and what lies between them; no part is empty. */
    List<Part> split(Text text) {
        List<Part> out = new ArrayList<>();
        String chars = text.chars();
        int done = 0;
        for (int at = 0; at < chars.length(); ) {
            int end = longestEnd(chars, at);
            if (end == at) {
                at++;
                continue;
            }
            AddedToken token = find(chars, at, end);
            int begin = at;
            at = end;
            if (token.singleWord() && (endsWord(chars, begin) || beginsWord(chars, end))) {
                continue;
            }
            while (token.lstrip() && begin > done && Unicode.isWhiteSpace(chars.charAt(begin - 1))) {
                begin--;
            }
            while (token.rstrip() && end < chars.length() && Unicode.isWhiteSpace(chars.charAt(end))) {
                end++;
            }
            if (begin > done) {
                out.add(new Part(text.slice(done, begin), null));
            }
            out.add(new Part(text.slice(begin, end), token));
            done = end;
        }
        if (done < chars.length()) {
            out.add(new Part(text.slice(done, chars.length()), null));
        }
        return out;
    }

    private int longestEnd(String chars, int begin) {
        int end = begin;
        Node node = root;
        for (int i = begin; i < chars.length(); i++) {
            node = node.next.get(chars.charAt(i));
            if (node == null) {
                break;
            }
            if (node.token != null) {
                end = i + 1;
            }
        }
        return end;
    }

    private AddedToken find(String chars, int begin, int end) {
        Node node = root;
        for (int i = begin; i < end; i++) {
            node = node.next.get(chars.charAt(i));
        }
        return node.token;
    }

    private static boolean endsWord(String chars, int end) {
        return end > 0 && Unicode.isWord(chars.codePointBefore(end));
    }

    private static boolean beginsWord(String chars, int begin) {
        return begin < chars.length() && Unicode.isWord(chars.codePointAt(begin));
    }
}
