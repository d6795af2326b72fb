/** {@code aegis bench}: figures of this machine's processor, each beside the ceiling that was measured in the same process. */
package io.aegis.cli.bench;
