/** What is common to every training run: optimisers, schedules, checkpoints. */
package io.aegis.training;
