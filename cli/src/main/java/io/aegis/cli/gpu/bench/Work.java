package io.aegis.cli.gpu.bench;

/** What a row measures; the record says all there is to it, so that a plan can be looked at where there is no GPU. */
public sealed interface Work permits KernelWork, ModelWork {
    /** As reports say. */
    String name();

    Unit unit();

    /** Of one call: operations that have to be computed, bytes that have to move, or tokens; of no account for a time. */
    double amount();

    /** What its ceiling is measured in: operations or bytes a second, of which {@link #load} has so many. */
    default Unit bound() {
        return unit();
    }

    /** Operations or bytes of a call that its ceiling limits. */
    default double load() {
        return amount();
    }
}
