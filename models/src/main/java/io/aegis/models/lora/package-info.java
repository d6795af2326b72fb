/**
 * Low-rank adapters (LoRA, arXiv 2106.09685) as PEFT keeps them: {@code adapter_config.json} and {@code
 * adapter_model.safetensors} (or {@code .bin}). Reading, writing, and merging into a checkpoint.
 */
package io.aegis.models.lora;
