/** {@code aegis verify}: what the papers' own code computed, beside what this project computes. */
package io.aegis.cli.verify;
