package io.aegis.training.dadm;

import io.aegis.layers.Pass;
import io.aegis.models.dadm.LabelTensors;
import io.aegis.models.dadm.Permutations;
import io.aegis.tensor.Tensor;

/**
 * What a step is of, where kernels read it.
 *
 * @param pictures [B, 3, S, S], one a modality
 * @param prototypePictures the same as prototypes see them
 * @param momentum I64 [1], whether the prototypes before count
 */
record StepInputs(
        Tensor[] pictures,
        Tensor[] prototypePictures,
        Pass pass,
        Permutations permutations,
        LabelTensors labels,
        Tensor momentum) {}
