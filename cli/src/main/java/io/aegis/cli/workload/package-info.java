/** Models with random weights and the work they are measured by, here and on a GPU, and processes to measure in. */
package io.aegis.cli.workload;
