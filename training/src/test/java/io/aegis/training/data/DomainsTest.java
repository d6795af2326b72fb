package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class DomainsTest {
    @Test
    void publishedNumbers() {
        Domains domains = new Domains(List.of("SURF", "CeFA", "PADISI"));
        assertThat(prototypes(domains)).containsExactly(3, 2, 4);
        assertThat(domains.position(attack("CeFA"))).isEqualTo(1);
        assertThat(domains.prototype(Samples.of("x", Label.BONA_FIDE, "PADISI", "x")))
                .isEqualTo(1);
        assertThat(domains.classes()).isEqualTo(5);
        assertThat(prototypes(new Domains(List.of("WMCA")))).containsExactly(0);
    }

    @Test
    void otherDomainsTakeWhatIsFree() {
        Domains domains = new Domains(List.of("studio", "CeFA", "street", "night", "booth", "bus"));
        assertThat(prototypes(domains)).containsExactly(0, 2, 3, 4, 5, 6);
        assertThat(domains.classes()).isEqualTo(7);
    }

    @Test
    void wrongDomains() {
        assertThatThrownBy(() -> new Domains(List.of("a", "b")).position(attack("c")))
                .isInstanceOf(DataException.class)
                .hasMessage("x: domain 'c' is not among the training domains a, b");
        assertThatThrownBy(() -> new Domains(List.of("a", "a")))
                .hasMessage("training domains [a, a]; expected at least one, each once");
        assertThatThrownBy(() -> new Domains(List.of()))
                .hasMessage("training domains []; expected at least one, each once");
    }

    private static List<Integer> prototypes(Domains domains) {
        return domains.names().stream().map(n -> domains.prototype(attack(n))).toList();
    }

    private static Sample attack(String domain) {
        return Samples.of("x", Label.ATTACK, domain, "x");
    }
}
