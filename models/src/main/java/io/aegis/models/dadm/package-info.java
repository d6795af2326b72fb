/**
 * DADM, "Dual alignment of domain and modality" for multi-modal face anti-spoofing (arXiv 2503.00429): RGB, depth and
 * infrared in one vision transformer, mutual-information masks between the modalities, prototypes, gradient
 * modulation, and the alignment of domains by hyperplanes and of modalities by angles. Symbols as in the paper: B batch,
 * D width, L layers, G grid side, N = G^2 + 1 tokens. Modalities 0 RGB, 1 depth, 2 infrared; labels 1 bona fide,
 * 0 attack.
 *
 * <p>Where the published code does something other than it evidently means, both exist: see {@link
 * io.aegis.models.dadm.Recipe}.
 */
package io.aegis.models.dadm;
