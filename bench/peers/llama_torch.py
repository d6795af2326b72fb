"""Llama-3-8B's shape in Hugging Face's eager implementation, batch 1: the peer of Aegis's language model.

    python llama_torch.py --device cuda          16 GB of memory; begins nothing after 50 s

Weights are random, drawn on the device in bfloat16; nothing is read from or written to disk. Three figures: reading a
prompt of 1522 tokens (a question of two pictures); decoding after a prompt of 512 tokens, eagerly with a growing cache;
and the same with a static cache and one CUDA graph a token, as far as PyTorch goes without a compiler. Each token is the
likeliest one and stays on the device: no time goes into fetching it.
"""

import argparse
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from clock import Clock
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, StaticCache


def llama_3_8b(tiny):
    shape = dict(
        vocab_size=128256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_theta=500000.0,
        tie_word_embeddings=False,
    )
    if tiny:
        shape |= dict(vocab_size=512, hidden_size=128, intermediate_size=448)
        shape |= dict(num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1)
    return LlamaConfig(**shape, attn_implementation="sdpa")


def next_token(model, ids, cache):
    """The likeliest token after `ids`, [1, 1]; the cache takes them in."""
    logits = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
    return logits[:, -1].argmax(-1, keepdim=True)


def decode_eagerly(clock, model, prompt, tokens):
    """Medians over repetitions of `tokens` tokens, each after a freshly read prompt whose reading is not timed."""
    said = []

    def prepared():
        cache = DynamicCache(config=model.config)
        return cache, next_token(model, prompt, cache)

    def decode(state):
        cache, token = state
        said.clear()
        for _ in range(tokens):
            token = next_token(model, token, cache)
            said.append(token)

    repeated(clock, "llama decode, eager, growing cache", prepared, decode, tokens, prompt.shape[1])
    return torch.cat(said, 1)


def decode_by_graph(clock, model, prompt, tokens):
    """One captured step is replayed: its cache counts its own length on the device, its token feeds the next one."""
    room = prompt.shape[1] + tokens + 8
    cache = StaticCache(config=model.config, max_cache_len=room)
    token = next_token(model, prompt, cache)
    lengths = [layer.cumulative_length for layer in cache.layers]
    after_prompt = [length.clone() for length in lengths]
    first = token.clone()

    def step():
        token.copy_(next_token(model, token, cache))

    def prepared():
        for length, start in zip(lengths, after_prompt):
            length.copy_(start)
        token.copy_(first)

    if clock.cuda:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        replay = graph.replay
    else:
        replay = step  # tries everything but the capture
    said = []

    def decode(_):
        said.clear()
        for _ in range(tokens):
            replay()
            said.append(token.clone())

    name = "llama decode, CUDA graph, static cache" if clock.cuda else "llama decode, eager, static cache"
    repeated(clock, name, prepared, decode, tokens, prompt.shape[1])
    return torch.cat(said, 1)


def repeated(clock, name, prepare, work, tokens, prompt, times=3):
    taken = []
    for i in range(times + 1):
        state = prepare()
        taken += clock.milliseconds(lambda: work(state), warmups=0, times=1)
        if i == 0:
            taken.clear()  # the first is the warm-up
    taken.sort()
    median = taken[len(taken) // 2]
    rate = {"tokens/s": tokens / median * 1e3}
    clock.say(name, prompt=prompt, tokens=tokens, ms=median, least=taken[0], most=taken[-1], times=len(taken), **rate)


@torch.inference_mode()
def main():
    p = argparse.ArgumentParser(description="Llama-3-8B's shape in transformers: prefill and decode of one sequence")
    p.add_argument("--device", default="cuda")
    p.add_argument("--tiny", action="store_true", help="two small layers: to try the script, not to measure")
    p.add_argument("--prompt", type=int, default=512)
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--prefill", type=int, default=1522)
    p.add_argument("--no-graph", action="store_true")
    p.add_argument("--limit", type=float, default=50, help="begin no measurement after so many seconds")
    args = p.parse_args()
    clock = Clock(args.device, args.limit)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(args.device):
        model = LlamaForCausalLM(llama_3_8b(args.tiny)).eval()
    clock.synchronize()
    parameters = sum(w.numel() for w in model.parameters())
    odd = {str(w.dtype) for w in model.parameters()} - {"torch.bfloat16"}
    clock.say("llama model", parameters=parameters, not_bfloat16=sorted(odd), seconds=clock.seconds())

    ids = torch.randint(model.config.vocab_size, (1, args.prefill), device=args.device)

    def prefill():
        next_token(model, ids, DynamicCache(config=model.config))

    clock.measure("llama prefill", prefill, {"tokens/s": args.prefill}, warmups=2, times=7, tokens=args.prefill)
    prompt = ids[:, : args.prompt]
    said = []
    for decode, wanted in ((decode_eagerly, True), (decode_by_graph, not args.no_graph)):
        if wanted and clock.seconds() < clock.limit:
            try:
                said.append(decode(clock, model, prompt, args.tokens))
            except Exception as e:  # the interface of caches moves between versions of transformers
                clock.failed(decode.__name__, e)
    if len(said) == 2:
        # Rounding may part the two; what the graph says after its first token is then another text.
        same = (said[0] == said[1]).flatten().long().cumprod(0).sum().item()
        clock.say("llama, both ways of decoding", tokens=args.tokens, same_from_the_start=same)
    clock.say("llama done", seconds=clock.seconds(), failures=clock.failures)


if __name__ == "__main__":
    sys.exit(main())
