/**
 * Llama (arXiv 2302.13971, 2407.21783) as Hugging Face's checkpoints hold it: a decoder of pre-norm blocks with RMS norm,
 * grouped-query attention under rotary position embedding, and a gated SiLU MLP; no biases. Symbols: B batch, N tokens,
 * d hidden size, V vocabulary, Hq query heads, Hkv key heads, D head size. Parameters have their canonical names,
 * {@code embed_tokens.weight}, {@code layers.{i}.self_attn.q_proj.weight} and so on, below whatever prefix they are given.
 */
package io.aegis.models.llama;
