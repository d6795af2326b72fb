package io.aegis.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.tokenizer.ChatTemplate.Turn;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations as Bunny and LLaVA write them, their ids and labels. */
class ChatTemplateTest {
    private static final String SYSTEM = "A chat between a curious user and an artificial intelligence assistant. "
            + "The assistant gives helpful, detailed, and polite answers to the user's questions. ";

    private static Tokenizer tokenizer;

    @BeforeAll
    static void open(@TempDir Path folder) throws Exception {
        List<String> specials = List.of("<|begin_of_text|>", "<|end_of_text|>");
        tokenizer = Tokenizer.open(Files.writeString(
                folder.resolve("tokenizer.json"),
                new BpeTrainer(512, specials, specials.getFirst()).train(Texts.CORPUS)));
    }

    @Test
    void promptsEndWithoutASpace() {
        assertThat(ChatTemplate.BUNNY.prompt("Real ?")).isEqualTo(SYSTEM + "USER: <image>\nReal ? ASSISTANT:");
        assertThat(ChatTemplate.VICUNA_V1.prompt("Real ?")).isEqualTo(SYSTEM + "USER: <image>\nReal ? ASSISTANT:");
        assertThat(ChatTemplate.LLAVA_V1.prompt("Real ?"))
                .startsWith("A chat between a curious human and")
                .contains("to the human's questions. USER: ");
        assertThat(ChatTemplate.PLAIN.prompt("Describe.")).isEqualTo("<image>");
        assertThat(ChatTemplate.LLAVA_V1.stop()).isEqualTo("</s>");
    }

    @Test
    void turnsFollowTheStopTokenAtOnce() {
        ChatTemplate.Conversation c =
                ChatTemplate.BUNNY.conversation(List.of(new Turn("Real ?", "No."), new Turn("Why ?", null)), true);
        assertThat(c.text())
                .isEqualTo(SYSTEM + "USER: <image>\nReal ? ASSISTANT: No.<|end_of_text|>USER: Why ? ASSISTANT:");
        assertThat(c.answers()).hasSize(1);
        assertThat(c.text()
                        .substring(
                                c.answers().getFirst().begin(),
                                c.answers().getFirst().end()))
                .isEqualTo(" No.<|end_of_text|>");
    }

    @Test
    void thePictureMovesToTheFrontOfTheFirstQuestion() {
        List<Turn> turns = List.of(new Turn("Is it real ?\n<image>", "No."), new Turn("<image> Why ?", "So."));
        assertThat(ChatTemplate.BUNNY.conversation(turns, true).text())
                .contains("USER: <image>\nIs it real ? ASSISTANT: No.<|end_of_text|>USER: Why ? ASSISTANT: So.");
        assertThat(ChatTemplate.BUNNY.conversation(turns, false).text()).doesNotContain("<image>");
    }

    @Test
    void plainIsThePictureAndItsCaption() {
        ChatTemplate.Conversation c = ChatTemplate.PLAIN.conversation(List.of(new Turn("Describe.", "A face.")), true);
        assertThat(c.text()).isEqualTo("<image>A face.\n");
        LabelledPrompt p = LabelledPrompt.of(tokenizer, c);
        assertThat(p.countsAgree()).isTrue();
        assertThat(p.labels()).startsWith(-100, -100).hasSameSizeAs(p.ids());
        assertThat(p.labels()[2]).isEqualTo(p.ids()[2]);
    }

    @Test
    void conversationsThatCannotBeAreRefused() {
        assertThatThrownBy(() -> ChatTemplate.BUNNY.conversation(List.of(), true))
                .hasMessage("a conversation needs a question");
        assertThatThrownBy(
                        () -> ChatTemplate.BUNNY.conversation(List.of(new Turn("a", null), new Turn("b", "c")), true))
                .hasMessage("only the last question may be without an answer");
        assertThatThrownBy(() -> ChatTemplate.BUNNY.conversation(List.of(new Turn("a", "b <image>")), true))
                .hasMessageContaining("<image>");
    }

    @Test
    void whatStandsAroundThePictureIsEncodedPieceByPiece() {
        Encoding e = ImagePrompt.encode(tokenizer, "USER: <image>\nReal ?");
        List<Integer> want = new ArrayList<>(ids(tokenizer.encode("USER: ", true)));
        want.add(-200);
        want.addAll(ids(tokenizer.encode("\nReal ?", false)));
        assertThat(ids(e.ids())).isEqualTo(want);
        int image = want.indexOf(-200);
        assertThat(e.starts()[image]).isEqualTo(6);
        assertThat(e.ends()[image]).isEqualTo(13);
        assertThat(e.starts()[image + 1]).isEqualTo(13);
        assertThat(ids(ImagePrompt.encode(tokenizer, "<image>").ids()))
                .containsExactly(tokenizer.bos().getAsInt(), -200);
        assertThat(ids(ImagePrompt.encode(tokenizer, "<image><image>a").ids())).hasSize(4);
    }

    private static List<Integer> ids(int[] ids) {
        return java.util.Arrays.stream(ids).boxed().toList();
    }

    @Test
    void answersAreLabelledFromTheirSpaceToTheStopToken() {
        List<Turn> turns = List.of(
                new Turn("Is the face real or spoof ?", "The face is a spoof."),
                new Turn("Where ?", "1 2"),
                new Turn("Why ?", "\nSo."));
        LabelledPrompt p = LabelledPrompt.of(tokenizer, ChatTemplate.BUNNY.conversation(turns, true));
        assertThat(p.countsAgree()).isTrue();
        IntList learned = new IntList();
        for (int i = 0; i < p.ids().length; i++) {
            if (p.labels()[i] != LabelledPrompt.IGNORED) {
                assertThat(p.labels()[i]).isEqualTo(p.ids()[i]);
                learned.add(p.ids()[i]);
            }
        }
        assertThat(tokenizer.decode(learned.toArray(), false))
                .isEqualTo(" The face is a spoof.<|end_of_text|> 1 2<|end_of_text|> \nSo.<|end_of_text|>");
    }

    /** What generation sees before an answer is what training saw before it. */
    @Test
    void theUnlabelledBeginningIsThePrompt() {
        LabelledPrompt p = LabelledPrompt.of(
                tokenizer, ChatTemplate.BUNNY.conversation(List.of(new Turn("Real ?", "The face is real.")), true));
        int[] prompt = ImagePrompt.encode(tokenizer, ChatTemplate.BUNNY.prompt("Real ?"))
                .ids();
        assertThat(p.ids()).startsWith(prompt);
        assertThat(p.labels()[prompt.length - 1]).isEqualTo(LabelledPrompt.IGNORED);
        assertThat(p.labels()[prompt.length]).isEqualTo(p.ids()[prompt.length]);
    }

    /** With a tokenizer whose tokens reach across the border, counting and places disagree, and it is said. */
    @Test
    void countsThatDisagreeAreSaidTo(@TempDir Path folder) {
        Tokenizer across = Json.open(
                folder,
                Json.vocabulary("<u>", ":", " ", "x", " x", ": x")
                        + "'unk_token':'<u>','merges':[[' ','x'],[':',' x']]",
                "");
        ChatTemplate.Conversation c = ChatTemplate.BUNNY.conversation(List.of(new Turn("x", "x")), true);
        assertThat(LabelledPrompt.of(across, c).countsAgree()).isFalse();
    }
}
