/**
 * FaceShield (arXiv 2505.09415): a multimodal language model that says whether a face is real, which attack it is, why,
 * and where. A vision tower sees the picture twice, as it is and as binary patterns, gray and gradients (SAVP); its tokens
 * are ranked against the question (PVTM), projected, and spliced into the prompt of a Llama.
 *
 * <p>Symbols: S side of the tower's picture, n vision tokens of a stream, 2n of both with those of the picture first, D_v
 * width of the tower, D of the language model, N length of the spliced sequence. What the paper leaves open is a choice in
 * {@link io.aegis.models.faceshield.FaceShieldOptions}, with defaults.
 */
package io.aegis.models.faceshield;
