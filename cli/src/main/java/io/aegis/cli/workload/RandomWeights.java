package io.aegis.cli.workload;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Values for a frozen model that is only to be measured: matrices as a checkpoint would store them, made in memory. */
public final class RandomWeights {
    /** Small enough that signals do not grow through dozens of layers. */
    private static final double SCALE = 0.02;

    private RandomWeights() {}

    /**
     * Fills everything that is declared.
     *
     * @param operands where the memory comes from; it has to stay open as long as the model is in use
     * @param dtype of the matrices: F32, F16 or BF16
     */
    public static void fill(Parameters parameters, Operands operands, DType dtype) {
        List<String> names = parameters.all().stream().map(Parameter::name).toList();
        Map<String, long[]> shapes =
                parameters.all().stream().collect(Collectors.toMap(Parameter::name, Parameter::shape));
        parameters.loadAsStored("random weights", names, name -> {
            long[] shape = shapes.get(name);
            return operands.normal(shape.length >= 2 ? SCALE : 1, dtype, shape);
        });
    }
}
