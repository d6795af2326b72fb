package io.aegis.bench;

import org.openjdk.jmh.annotations.Fork;

/** In three processes of their own, each with what the kernels need of a JVM. JMH's annotations are inherited. */
@Fork(
        value = 3,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
abstract class ForkedBenchmark {}
