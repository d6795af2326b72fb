package io.aegis.training;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/**
 * One update of all parameters: their common gradient is shortened to a greatest length, as PyTorch's {@code
 * clip_grad_norm_} does, then each takes its step. Norm weights and biases, which have one dimension, get no weight decay.
 */
public final class ClippedAdam {
    /** Keeps a gradient of nothing from being divided by nothing, as PyTorch has it. */
    private static final double FLOOR = 1e-6;

    private final List<Parameter> parameters;
    private final Adam adam;
    private final double longest;

    /**
     * @param parameters in the order in which their squares are added
     * @param adam which holds their moments, and knows the weight decay of matrices
     * @param longest length of the gradient, above 0
     */
    public ClippedAdam(List<Parameter> parameters, Adam adam, double longest) {
        this.parameters = List.copyOf(parameters);
        this.adam = adam;
        this.longest = longest;
    }

    /**
     * Updates every parameter that has a gradient; inside a scope. Gradients are shortened in place.
     *
     * @param learningRate of each
     * @return the length of the gradient before it was shortened
     * @throws ArithmeticException when that is not finite; nothing has been updated then
     */
    public double update(Map<Parameter, View> gradients, ToDoubleFunction<Parameter> learningRate) {
        Kernels k = Scope.current().kernels();
        List<View> present =
                parameters.stream().map(gradients::get).filter(Objects::nonNull).toList();
        double norm = Math.sqrt(k.optimizer().squares(present));
        if (!Double.isFinite(norm)) {
            throw new ArithmeticException("the gradient's length is " + norm);
        }
        double scale = longest / (norm + FLOOR);
        adam.begin(learningRate);
        Map<Parameter, Tensor> clipped = new LinkedHashMap<>();
        for (Parameter p : parameters) {
            View gradient = gradients.get(p);
            if (gradient != null) {
                if (scale < 1) {
                    k.elementwise().affine(gradient, scale, 0, gradient);
                }
                clipped.put(p, Tensor.wrap(gradient, false));
            }
        }
        adam.update(clipped, p -> p.shape().length >= 2);
        return norm;
    }
}
