package io.aegis.cli;

import io.aegis.cli.verify.TokenizerVectors;
import io.aegis.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The tokens of a text, or reference tokens beside ours. */
@Command(
        name = "tokenize",
        description =
                "Prints the token ids of a text, or compares a tokenizer with reference vectors. Exit status 0: done,"
                        + " all vectors are right, 1: some are not.",
        mixinStandardHelpOptions = true)
final class TokenizeCommand implements Callable<Integer> {
    @Option(
            names = "--tokenizer",
            required = true,
            paramLabel = "DIR|FILE",
            description = "a tokenizer.json, a tokenizer.model, or the folder of a model")
    Path tokenizer;

    @Option(
            names = "--vectors",
            paramLabel = "FILE",
            description = "a JSON list of texts with their ids and decodings; failures are printed")
    Path vectors;

    @Option(names = "--special", description = "add what the tokenizer puts around every text, such as BOS")
    boolean special;

    @Option(names = "--pieces", description = "print the tokens themselves as well")
    boolean pieces;

    @Parameters(arity = "0..1", paramLabel = "TEXT", description = "the text")
    String text;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() {
        if ((text == null) == (vectors == null)) {
            throw new ParameterException(spec.commandLine(), "give either a text or --vectors");
        }
        Tokenizer opened = Tokenizer.open(tokenizer);
        var out = spec.commandLine().getOut();
        if (vectors != null) {
            return TokenizerVectors.compare(opened, vectors, out) ? 0 : 1;
        }
        int[] ids = opened.encode(text, special);
        out.println(Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(" ")));
        if (pieces) {
            out.println(Arrays.stream(ids).mapToObj(opened::token).collect(Collectors.joining(" ")));
        }
        out.flush();
        return 0;
    }
}
