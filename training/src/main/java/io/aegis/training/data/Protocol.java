package io.aegis.training.data;

import java.util.List;

/**
 * Who learns, who chooses, who is tested. Thresholds and the best epoch come from the development set, which is made of
 * the training domains, never of the test.
 *
 * @param domains the training domains in the order given; a domain's position chooses its head
 * @param train what the model learns from
 * @param development other samples of the same domains
 * @param test what is measured, once
 */
public record Protocol(List<String> domains, Split train, Split development, Split test) {
    public Protocol {
        domains = List.copyOf(domains);
    }
}
