package io.aegis.models.faceshield;

import io.aegis.tensor.Tensor;

/**
 * The rows that go into a prompt in the place of a picture.
 *
 * @param rows [m, D]
 * @param places of each row among all tokens of the picture, ascending; they decide positions
 * @param hidden of each row, whether nobody may look at it
 * @param slot how many positions the picture takes up
 */
public record VisionTokens(Tensor rows, int[] places, boolean[] hidden, int slot) {}
