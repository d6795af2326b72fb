package io.aegis.models.llama;

import io.aegis.layers.Pass;
import io.aegis.tensor.AttentionMask;
import java.util.List;

/**
 * What goes through all blocks beside the tokens.
 *
 * @param angles of the tokens' positions
 * @param mask who may look at whom
 * @param caches one a sequence of the batch, to read and to write; none when the sequences stand alone
 * @param pass dropout of the adapters
 * @param alone one token a sequence, each computed bit for bit as if it were alone
 * @param pages where the sequences' tokens lie, when all are to be written and looked at in their pages at once, past the
 *     caches; else null
 */
record Flow(
        Rotary.Angles angles,
        AttentionMask mask,
        List<? extends SequenceCache> caches,
        Pass pass,
        boolean alone,
        PageTable pages) {}
