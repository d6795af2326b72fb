/**
 * Text to ids and back, as Hugging Face's tokenizers and SentencePiece do it: {@link io.aegis.tokenizer.Tokenizer} opens
 * whatever file a model comes with, {@link io.aegis.tokenizer.ChatTemplate} writes prompts, {@link
 * io.aegis.tokenizer.ImagePrompt} puts the picture's place into them.
 */
package io.aegis.tokenizer;
