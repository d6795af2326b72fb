package io.aegis.bench.peers;

/** Something that can do a piece of work, ready to do it again and again. */
interface Contender extends AutoCloseable {
    /** What it is, with its version. */
    String name();

    /** Does the work once; milliseconds. */
    double run();

    @Override
    void close();
}
