/**
 * Files that hold weights, and what stands beside them. {@link io.aegis.weights.Checkpoint#open} reads safetensors,
 * sharded folders and PyTorch archives without copying; {@link io.aegis.weights.SafetensorsWriter} writes safetensors
 * so that a crash or a full disk never loses the previous file. {@link io.aegis.weights.Quantization} describes how weights
 * of 8 and 4 bits lie in safetensors files, and {@link io.aegis.weights.GroupRounding} makes them.
 */
package io.aegis.weights;
