/** What runs of every model share: a folder from which they go on after they were killed. */
package io.aegis.training.run;
