/**
 * Published checkpoints of vision-language models and of their parts, under one set of names whatever project wrote them:
 * {@code vis.*} for the vision tower, {@code proj.{0,2}.*} for the projector, {@code llm.*} for the language model.
 * {@link io.aegis.models.checkpoint.VisionLanguageCheckpoint} opens them, {@link
 * io.aegis.models.checkpoint.CheckpointLayout} has the tables of names.
 */
package io.aegis.models.checkpoint;
