"""Writes a Llama of random weights as GGUF, for llama.cpp's llama-bench. Needs the packages gguf and numpy.

    python gguf_random.py llama-3.2-1b bf16|q8_0|q4_0 FILE          also llama-3.2-3b

In q4_0 the embedding, which is the output matrix as well, is q6_k, as llama-quantize makes it.
"""

import sys

import gguf
import numpy as np

SIZES = {"llama-3.2-1b": (2048, 8192, 16, 32, 64), "llama-3.2-3b": (3072, 8192, 28, 24, 128)}
KEY_HEADS, VOCABULARY = 8, 128256
TYPE = gguf.GGMLQuantizationType


def matrix(random, rows, columns, kind):
    """Bytes of a matrix [rows, columns]."""
    if kind == TYPE.BF16:
        values = (random.standard_normal(1 << 20, dtype=np.float32) * 0.02).view(np.uint32)
        pattern = (values >> 16).astype(np.uint16)
        return np.resize(pattern, (rows, columns)).view(np.uint8)
    size, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (1 << 15, width), dtype=np.uint8)
    scale = {TYPE.Q8_0: 0.02 / 64, TYPE.Q4_0: 0.02 / 4, TYPE.Q6_K: 0.02 / 2048}[kind]
    where = slice(width - 2, width) if kind == TYPE.Q6_K else slice(0, 2)
    blocks[:, where] = np.array([scale], np.float16).view(np.uint8)
    return np.resize(blocks, (rows, columns // size * width))


def main():
    name, kind, file = sys.argv[1], TYPE[sys.argv[2].upper()], sys.argv[3]
    width, mlp, layers, heads, head = SIZES[name]
    random = np.random.default_rng(1)
    w = gguf.GGUFWriter(file, "llama")
    w.add_name(name)
    w.add_vocab_size(VOCABULARY)
    w.add_context_length(8192)
    w.add_embedding_length(width)
    w.add_feed_forward_length(mlp)
    w.add_block_count(layers)
    w.add_head_count(heads)
    w.add_head_count_kv(KEY_HEADS)
    w.add_key_length(head)
    w.add_value_length(head)
    w.add_rope_dimension_count(head)
    w.add_rope_freq_base(5e5)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_tokenizer_model("none")

    def add(tensor, rows, columns, kind=kind):
        w.add_tensor(tensor, matrix(random, rows, columns, kind), raw_dtype=kind)

    def norm(tensor):
        w.add_tensor(tensor, np.ones(width, np.float32))

    add("token_embd.weight", VOCABULARY, width, TYPE.Q6_K if kind == TYPE.Q4_0 else kind)
    for i in range(layers):
        b = f"blk.{i}."
        norm(b + "attn_norm.weight")
        norm(b + "ffn_norm.weight")
        add(b + "attn_q.weight", heads * head, width)
        add(b + "attn_k.weight", KEY_HEADS * head, width)
        add(b + "attn_v.weight", KEY_HEADS * head, width)
        add(b + "attn_output.weight", width, heads * head)
        add(b + "ffn_gate.weight", mlp, width)
        add(b + "ffn_up.weight", mlp, width)
        add(b + "ffn_down.weight", width, mlp)
    norm("output_norm.weight")
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
