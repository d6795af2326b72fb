/** Instruction data for {@link io.aegis.models.faceshield FaceShield}, its training in three ways, and its evaluation. */
package io.aegis.training.faceshield;
