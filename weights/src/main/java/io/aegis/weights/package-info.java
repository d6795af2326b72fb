/**
 * Files that hold weights, and what stands beside them. {@link io.aegis.weights.Checkpoint#open} reads safetensors,
 * sharded folders and PyTorch archives without copying; {@link io.aegis.weights.SafetensorsWriter} writes safetensors
 * so that a crash or a full disk never loses the previous file.
 */
package io.aegis.weights;
