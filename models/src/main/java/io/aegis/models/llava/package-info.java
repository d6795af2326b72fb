/**
 * What LLaVA (Liu et al., arXiv 2304.08485, 2310.03744) and Bunny (arXiv 2402.11530) put between a vision tower and a
 * language model: a projector, and vision tokens spliced into the prompt.
 */
package io.aegis.models.llava;
