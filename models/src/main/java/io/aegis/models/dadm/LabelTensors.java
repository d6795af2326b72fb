package io.aegis.models.dadm;

import io.aegis.kernels.Loss;
import io.aegis.kernels.View;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/**
 * A batch's {@link Labels} where kernels read them, of one shape whoever is in the batch: what is recorded of one serves all.
 *
 * @param live I64 [B], as {@link Labels#live}
 * @param domain I64 [B], as {@link Labels#domain}
 * @param prototype I64 [B], as {@link Labels#prototype}
 * @param heads I64 [3B], of row i of the batch and domain j at i * 3 + j: {@code live} where it is the row's domain, else {@link
 *     Loss#NO_PART}
 */
public record LabelTensors(Tensor live, Tensor domain, Tensor prototype, Tensor heads) {
    private static final int OWN = 3;

    /** [6, B]: of all of them in one piece. */
    public static long[] shape(long batch) {
        return new long[] {OWN + DadmConfig.DOMAINS, batch};
    }

    /** Those that stand in some memory whenever kernels read it: I64 of {@link #shape}, dense. */
    public static LabelTensors in(View all) {
        long b = all.size(1);
        View numbers = all.reshape(all.elements());
        return new LabelTensors(
                Tensor.wrap(numbers.slice(0, 0, b), false),
                Tensor.wrap(numbers.slice(0, b, 2 * b), false),
                Tensor.wrap(numbers.slice(0, 2 * b, OWN * b), false),
                Tensor.wrap(numbers.slice(0, OWN * b, all.elements()), false));
    }

    /** Writes them, on the host, into memory as {@link #in} takes it. They should have passed {@link Labels#require}. */
    public static void write(Labels labels, View all) {
        long[] numbers = numbers(labels);
        View to = all.reshape(all.elements());
        for (int i = 0; i < numbers.length; i++) {
            to.setLongAt(to.index(i), numbers[i]);
        }
    }

    private static long[] numbers(Labels labels) {
        int b = labels.live().length;
        long[] all = new long[(OWN + DadmConfig.DOMAINS) * b];
        System.arraycopy(labels.live(), 0, all, 0, b);
        System.arraycopy(labels.domain(), 0, all, b, b);
        System.arraycopy(labels.prototype(), 0, all, 2 * b, b);
        Arrays.fill(all, OWN * b, all.length, Loss.NO_PART);
        for (int i = 0; i < b; i++) {
            long domain = labels.domain()[i];
            if (domain >= 0 && domain < DadmConfig.DOMAINS) {
                all[OWN * b + i * DadmConfig.DOMAINS + (int) domain] = labels.live()[i];
            }
        }
        return all;
    }
}
