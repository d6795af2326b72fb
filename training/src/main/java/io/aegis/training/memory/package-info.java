/** What training will hold in memory, known before it holds anything. */
package io.aegis.training.memory;
