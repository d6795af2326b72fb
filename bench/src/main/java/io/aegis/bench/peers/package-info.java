/** Aegis and its peers in turn, on the same work in the same minutes; one table. {@link io.aegis.bench.peers.Peers} runs it. */
package io.aegis.bench.peers;
