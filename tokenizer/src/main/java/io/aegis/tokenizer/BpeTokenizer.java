package io.aegis.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A tokenizer made of its parts, in the order of their work: added tokens are cut out, the rest is normalised, cut into
 * pre-tokens, and encoded by the model; ids are put around; a decoder goes back.
 */
final class BpeTokenizer implements Tokenizer {
    /**
     * The parts.
     *
     * @param added tokens beside the model's, or marks on some of the model's; ids beyond the model's follow it without gaps
     * @param bos the token that begins a text, or -1
     * @param eos the token that ends a text, or -1
     */
    record Parts(
            Normalizer normalizer,
            PreTokenizer preTokenizer,
            Model model,
            List<AddedToken> added,
            Affixes affixes,
            Decoder decoder,
            int bos,
            int eos) {
        Parts with(List<AddedToken> others) {
            return new Parts(normalizer, preTokenizer, model, others, affixes, decoder, bos, eos);
        }

        Parts with(int begin, int end) {
            return new Parts(normalizer, preTokenizer, model, added, affixes, decoder, begin, end);
        }
    }

    private final Parts parts;
    private final AddedTokenMatcher raw = new AddedTokenMatcher();
    private final AddedTokenMatcher normalised = new AddedTokenMatcher();
    private final Map<Integer, AddedToken> byId = new HashMap<>();
    private final Map<String, AddedToken> byContent = new HashMap<>();
    private final int size;

    /**
     * Puts the parts together.
     *
     * @throws IllegalArgumentException when added tokens contradict each other or the model
     */
    BpeTokenizer(Parts parts) {
        this.parts = parts;
        for (AddedToken token : parts.added) {
            add(token);
        }
        this.size = parts.model.size()
                + (int) byId.keySet().stream()
                        .filter(i -> i >= parts.model.size())
                        .count();
        for (int id : parts.affixes.before()) {
            requireToken(id);
        }
        for (int id : parts.affixes.after()) {
            requireToken(id);
        }
        for (AddedToken token : parts.added) {
            if (token.id() < 0 || token.id() >= size) {
                throw new IllegalArgumentException("added token \"" + token.content() + "\" has id " + token.id()
                        + " among " + size + " tokens: ids must run from 0 to " + (size - 1) + " without gaps");
            }
        }
    }

    private void requireToken(int id) {
        if (id < 0 || id >= size) {
            throw new IllegalArgumentException(
                    "id " + id + " is put around texts, but ids run from 0 to " + (size - 1) + " only");
        }
    }

    private void add(AddedToken token) {
        if (token.content().isEmpty()) {
            throw new IllegalArgumentException("added token " + token.id() + " is empty");
        }
        OptionalInt other = parts.model.id(token.content());
        if (other.isPresent() && other.getAsInt() != token.id()) {
            throw new IllegalArgumentException("added token \"" + token.content() + "\" has id " + token.id()
                    + ", in the vocabulary it has " + other.getAsInt());
        }
        if (other.isEmpty() && token.id() < parts.model.size() && token.id() >= 0) {
            throw new IllegalArgumentException("added token \"" + token.content() + "\" has id " + token.id()
                    + ", which is \"" + parts.model.token(token.id()) + "\" in the vocabulary");
        }
        AddedToken sameId = byId.put(token.id(), token);
        if (sameId != null) {
            throw new IllegalArgumentException("added tokens \"" + sameId.content() + "\" and \"" + token.content()
                    + "\" have the same id " + token.id());
        }
        AddedToken sameContent = byContent.put(token.content(), token);
        if (sameContent != null) {
            throw new IllegalArgumentException(
                    "added token \"" + token.content() + "\" has two ids, " + sameContent.id() + " and " + token.id());
        }
        if (!token.sought()) {
            return;
        }
        if (token.normalized()) {
            String characters = parts.normalizer.apply(Text.of(token.content())).chars();
            if (!characters.isEmpty()) {
                normalised.add(characters, token);
            }
        } else {
            raw.add(token.content(), token);
        }
    }

    /** The parts it is made of. */
    Parts parts() {
        return parts;
    }

    @Override
    public Encoding encoding(String text, boolean addSpecial) {
        EncodingBuilder out = new EncodingBuilder();
        if (addSpecial) {
            for (int id : parts.affixes.before()) {
                out.add(id, 0, 0);
            }
        }
        Model.Encoder encoder = parts.model.encoder();
        for (AddedTokenMatcher.Part part : found(text)) {
            if (part.token() != null) {
                out.add(part.token().id(), part.text(), 0, part.text().length());
            } else {
                for (Text piece : parts.preTokenizer.split(part.text())) {
                    encoder.encode(piece, out);
                }
            }
        }
        if (addSpecial) {
            for (int id : parts.affixes.after()) {
                out.add(id, text.length(), text.length());
            }
        }
        return out.build();
    }

    private List<AddedTokenMatcher.Part> found(String text) {
        List<AddedTokenMatcher.Part> out = new ArrayList<>();
        for (AddedTokenMatcher.Part part : raw.split(Text.of(Unicode.wellFormed(text)))) {
            if (part.token() != null) {
                out.add(part);
            } else {
                out.addAll(normalised.split(parts.normalizer.apply(part.text())));
            }
        }
        return out;
    }

    @Override
    public TokenStream stream(boolean skipSpecial) {
        return new TokenStream(
                id -> id < 0 || id >= size || skipSpecial && isSpecial(id) ? null : token(id), parts.decoder);
    }

    @Override
    public String token(int id) {
        if (id < 0 || id >= size) {
            throw new IndexOutOfBoundsException("there is no token " + id + ", ids run from 0 to " + (size - 1));
        }
        return id < parts.model.size() ? parts.model.token(id) : byId.get(id).content();
    }

    @Override
    public OptionalInt id(String token) {
        AddedToken added = byContent.get(token);
        return added != null ? OptionalInt.of(added.id()) : parts.model.id(token);
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public boolean isSpecial(int id) {
        AddedToken token = byId.get(id);
        return token != null && token.special();
    }

    @Override
    public OptionalInt bos() {
        return parts.bos < 0 ? OptionalInt.empty() : OptionalInt.of(parts.bos);
    }

    @Override
    public OptionalInt eos() {
        return parts.eos < 0 ? OptionalInt.empty() : OptionalInt.of(parts.eos);
    }
}
