/** What quantised weights cost: how far what a model expects is from what it expected before. */
package io.aegis.training.quantization;
