/**
 * What joins a vision tower to a language model, as LLaVA does it (arXiv 2304.08485, 2310.03744): a projector of two
 * layers, and pictures spliced into the prompt in the place of an id that stands for them.
 */
package io.aegis.models.llava;
