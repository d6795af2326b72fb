/** Text to ids and back; the room of the language models' tokenizers, not yet furnished. */
module io.aegis.tokenizer {}
