package io.aegis.kernels.cpu;

/** A few rows that are ready to be multiplied with columns of a weight, by any thread. */
@FunctionalInterface
interface FewRows {
    /** All rows of a part's columns, overwritten, or added to. */
    void multiply(boolean add, Part part);

    /** By the Vector API. */
    static FewRows of(Operand x, int rows, int k, Columns columns) {
        Interleaved ready = Interleaved.of(x, rows, k, columns.parts(), columns.factor());
        return (add, part) -> Columns.multiply(columns, ready, add, part);
    }
}
