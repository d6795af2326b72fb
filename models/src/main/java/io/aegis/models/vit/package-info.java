/**
 * The vision towers of the vision-language models: SigLIP (arXiv 2303.15343) and CLIP (arXiv 2103.00020), both pre-norm
 * vision transformers (arXiv 2010.11929). Symbols: B pictures, S pixels a side, G = floor(S / patch) patches a side,
 * N tokens, D width, H heads, L blocks. Parameter names are those of Hugging Face's checkpoints below {@code vision_model}.
 */
package io.aegis.models.vit;
