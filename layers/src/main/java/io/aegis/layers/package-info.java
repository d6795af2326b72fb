/**
 * Parameters and the blocks that models are made of. A block declares its parameters, under the names that published
 * checkpoints use, when it is built; {@link io.aegis.layers.Parameters} then fills them from an initialisation or a
 * file.
 */
package io.aegis.layers;
