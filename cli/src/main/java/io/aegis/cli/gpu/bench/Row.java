package io.aegis.cli.gpu.bench;

import io.aegis.kernels.cuda.Route;
import java.util.List;

/**
 * One row of the plan.
 *
 * @param routes the ways that are measured, in turn
 */
public record Row(Work work, Goal goal, List<Route> routes) {}
