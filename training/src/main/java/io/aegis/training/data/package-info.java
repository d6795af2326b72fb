/**
 * From files on disk to batches: manifests and benchmark lists, development sets, samplers that resume, and loading ahead
 * of the step.
 */
package io.aegis.training.data;
