package io.aegis.cli.gpu.bench;

import io.aegis.kernels.cuda.Route;
import java.util.List;

/**
 * One row of the plan.
 *
 * @param goal of what a program gets, and of the kernels of compute capability 9.0
 * @param portable goal of the kernels that every device has, where these are measured
 * @param routes the ways that are measured, in turn
 */
public record Row(Work work, Goal goal, Goal portable, List<Route> routes) {
    /** What a way is held to; none of a library's is. */
    public Goal goal(Route route) {
        if (route.isLibrary()) {
            return Goal.NONE;
        }
        return route == Route.PORTABLE ? portable : goal;
    }
}
