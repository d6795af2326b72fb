package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnswerParserTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "The face in the image is a spoof, as it is flat. | false",
                "The face in the image is a real | true",
                "The face\t  in the image IS   Real. | true",
                "The face is not real. | false",
                "The face is not a spoof. | true",
                "It appears to be an attack. | false",
                "It seems to be genuine. | true",
                "This is bona fide. It is a spoof. | true",
                "The face is spoofed. | false",
                "It is live, and is a fake. | true"
            })
    void theFirstStatementOfTheFirstSentenceDecides(String answer, boolean bonaFide) {
        assertThat(AnswerParser.bonaFide(answer)).contains(bonaFide);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "I cannot tell.",
                "The face is realistic.",
                "Hm. The face is a spoof.",
                "This was real.",
                "A liver is shown."
            })
    void whatSaysNothingIsNoResponse(String answer) {
        assertThat(AnswerParser.bonaFide(answer)).isEmpty();
    }

    @Test
    void aReasonedAnswerIsDecidedByItsConclusion() {
        String answer =
                "The light is real. Its edges are hard, 12.5 % of them. Analyzing these attributes, we can conclude"
                        + " that the face is not real but is a spoof. Thank you.";
        assertThat(AnswerParser.conclusion(answer)).contains(false);
        assertThat(AnswerParser.conclusion("It seems fake. We conclude that it is real."))
                .contains(true);
        assertThat(AnswerParser.conclusion("There are edges. We conclude nothing."))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "The face in the image is a Print Attack. It is flat. | PRINT",
                "a printed photo | PRINT",
                "It shows a video replay | REPLAY",
                "The face is bona fide | BONA_FIDE",
                "a Paper Mask | PAPER_MASK",
                "real paper glasses | GLASSES",
                "someone in a silicone mask | FLEXIBLE_MASK",
                "a resin head: a rigid mask | RIGID_MASK",
                "a mannequin | FAKE_HEAD",
                "Make-up | MAKEUP",
                "Partial Eye | PARTIAL_EYE",
                "Partial Mouth | PARTIAL_MOUTH",
                "tattoos | TATTOO",
                "Fakehead | FAKE_HEAD"
            })
    void theLongestOfTheKnownWordsNamesTheClass(String answer, AttackType type) {
        assertThat(AnswerParser.attackType(answer)).contains(type);
    }

    @Test
    void partsOfWordsNameNothing() {
        assertThat(AnswerParser.attackType("a blueprint, alive and really unscreened"))
                .isEmpty();
        assertThat(AnswerParser.attackType("An unknown thing. A print.")).isEmpty();
    }

    @Test
    void everyTitleNamesItsClass() {
        for (AttackType type : AttackType.values()) {
            assertThat(AnswerParser.attackType("The face in the image is a " + type.title() + " Attack."))
                    .contains(type);
        }
    }
}
