package io.aegis.training.faceshield;

import io.aegis.image.Corners;
import io.aegis.models.faceshield.BoxReading;
import io.aegis.models.faceshield.FaceTask;
import java.util.Optional;

/**
 * A question that a model has answered.
 *
 * @param source what was asked, and the reference
 * @param task what the question is about
 * @param text the answer
 * @param truth where the attack is; empty where that is not known or not asked
 * @param box what the answer says of that
 */
public record Answered(Instruction source, FaceTask task, String text, Optional<Corners> truth, BoxReading box) {}
