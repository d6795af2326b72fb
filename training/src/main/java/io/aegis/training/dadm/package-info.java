/** Training, scoring and evaluating {@link io.aegis.models.dadm DADM}. */
package io.aegis.training.dadm;
