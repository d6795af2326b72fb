/**
 * How good a detector is: ROC, AUC, EER, HTER and the error rates of ISO/IEC 30107-3.
 *
 * <p>One convention holds everywhere: bona fide is the positive class, a score grows with the belief that a picture is
 * bona fide, and a picture is accepted as bona fide when its score is at least the threshold. Counts are exact
 * integers; a rate is one division at the end.
 */
package io.aegis.training.metrics;
