package io.aegis.training.dadm;

import io.aegis.models.dadm.Labels;
import io.aegis.tensor.Tensor;

/**
 * One training batch.
 *
 * @param pictures RGB, depth, infrared, each [B, 3, S, S], values (pixel - 127.5) / 128
 * @param prototypeInfrared infrared as the prototypes see it, or null for the same
 * @param labels of each row
 * @param samples the identity of each row's sample, I64 [B]
 */
public record Batch(Tensor[] pictures, Tensor prototypeInfrared, Labels labels, Tensor samples) {}
