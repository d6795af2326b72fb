package io.aegis.models.faceshield;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.function.UnaryOperator;

/** P, what vision tokens are compared with: one or more rows made of the question. */
public enum PromptVector {
    /** The mean of its tokens' input embeddings. */
    MEAN {
        @Override
        Tensor rows(Tensor embedded, UnaryOperator<Tensor> hidden) {
            return Ops.mean(embedded, 0);
        }
    },
    /** The language model's last hidden state behind the question alone. */
    LAST {
        @Override
        Tensor rows(Tensor embedded, UnaryOperator<Tensor> hidden) {
            Tensor states = hidden.apply(embedded);
            return states.slice(0, states.size(0) - 1, states.size(0));
        }
    },
    /** Each token's input embedding; the nearest counts. */
    MAX {
        @Override
        Tensor rows(Tensor embedded, UnaryOperator<Tensor> hidden) {
            return embedded;
        }
    };

    /**
     * The rows, [m, D].
     *
     * @param embedded the question's tokens without special ones, [T, D]
     * @param hidden the language model, from embeddings [T, D] to its last hidden states [T, D]
     */
    abstract Tensor rows(Tensor embedded, UnaryOperator<Tensor> hidden);
}
