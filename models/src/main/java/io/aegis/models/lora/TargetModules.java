package io.aegis.models.lora;

import java.util.List;
import java.util.regex.Pattern;

/** Which linears of a model get an adapter, as {@code target_modules} says. */
public sealed interface TargetModules {
    /** Every linear but the output matrix. */
    record All() implements TargetModules {
        @Override
        public boolean include(String module) {
            return !module.equals("lm_head") && !module.endsWith(".lm_head");
        }
    }

    /** Those of these names, or whose names end so behind a dot. */
    record Named(List<String> names) implements TargetModules {
        public Named {
            names = List.copyOf(names);
        }

        @Override
        public boolean include(String module) {
            return names.stream().anyMatch(n -> module.equals(n) || module.endsWith("." + n));
        }
    }

    /** Those whose whole name fits a regular expression. */
    record Matching(Pattern pattern) implements TargetModules {
        @Override
        public boolean include(String module) {
            return pattern.matcher(module).matches();
        }
    }

    /** The seven linears of a Llama block. */
    TargetModules LLAMA =
            new Named(List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"));

    /** Whether a linear is one of them, by its name in the model that the adapter was made for. */
    boolean include(String module);
}
