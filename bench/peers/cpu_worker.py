"""One piece of work in PyTorch on the processor, once a line of standard input: the peer that io.aegis.bench.peers runs in turn
with Aegis. It prints {"ready": ...} when the model is there, then {"ms": ...} for each line that it reads.

    python cpu_worker.py siglip-so400m-384 f32          one picture through the whole tower; also clip-l-336
    python cpu_worker.py llama-3.2-1b-prefill bf16      a prompt of 512, scores of its last token; also llama-3.2-3b
    python cpu_worker.py llama-3.2-1b-decode bf16       a token behind 64, median of --tokens
    python cpu_worker.py dadm-forward-8 f32             scores; dadm-step-4-1: a step of 4 with one backward pass of two (1, 4)

Weights are random. PyTorch chooses its kernels by itself; --threads says how many it may use.
"""

import argparse
import json
import re
import statistics
import sys
import time

import torch

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def vision(name, dtype, _):
    from transformers import CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel

    if name.startswith("siglip"):
        config = SiglipVisionConfig(
            hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384, patch_size=14
        )
        model = SiglipVisionModel(config)
    else:
        config = CLIPVisionConfig(
            hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336, patch_size=14
        )
        model = CLIPVisionModel(config)
    model = model.eval().to(dtype)
    pixels = torch.rand(1, 3, config.image_size, config.image_size, dtype=dtype) * 2 - 1
    return lambda: model(pixel_values=pixels)


def llama(name, dtype, tokens):
    from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

    sizes = {
        "llama-3.2-1b": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, head_dim=64),
        "llama-3.2-3b": dict(hidden_size=3072, intermediate_size=8192, num_hidden_layers=28, num_attention_heads=24, head_dim=128),
    }
    shape, work = name.rsplit("-", 1)
    config = LlamaConfig(
        vocab_size=128256, num_key_value_heads=8, rope_theta=5e5, tie_word_embeddings=True, max_position_embeddings=8192, **sizes[shape]
    )
    torch.set_default_dtype(dtype)
    model = LlamaForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    if work == "prefill":
        ids = torch.randint(128256, (1, 512))
        return lambda: model(ids, past_key_values=DynamicCache(config=config), use_cache=True, logits_to_keep=1)
    state = {}

    def start():
        state["cache"] = DynamicCache(config=config)
        out = model(torch.randint(128256, (1, 64)), past_key_values=state["cache"], use_cache=True, logits_to_keep=1)
        state["token"] = out.logits[:, -1].argmax(-1, keepdim=True)

    def say():
        out = model(state["token"], past_key_values=state["cache"], use_cache=True, logits_to_keep=1)
        state["token"] = out.logits[:, -1].argmax(-1, keepdim=True)

    def work():
        start()
        taken = []
        for _ in range(tokens):
            begun = time.perf_counter()
            say()
            taken.append((time.perf_counter() - begun) * 1e3)
        return statistics.median(taken)

    return work


def dadm(name, dtype, _):
    import dadm_torch as d

    model = d.Dadm(d.Sizes(), False)
    kind, numbers = re.fullmatch(r"dadm-(forward|step)-([0-9-]+)", name).groups()
    numbers = [int(n) for n in numbers.split("-")]

    def precision():
        return torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16)

    batch = d.random_batch(numbers[0], 224, "cpu")
    if kind == "forward":
        model.eval()

        def forward():
            with precision():
                model(batch.pictures)

        return forward
    training = d.Training(model, d.INTENDED, precision=precision)

    training.prototypes = [torch.zeros_like(of_modality) for of_modality in training.next_prototypes(batch, 0)]

    def step():
        _, losses = training.losses(batch, d.random_permutations(12, batch.pictures[0]))
        for loss in losses.modal[: numbers[1] - 1]:
            d.gradients(loss, training.trainable, retain=True)
        for name, gradient in d.gradients(losses.total, training.trainable).items():
            training.trainable[name].grad = gradient
        training.adam.step()

    return step


def main():
    p = argparse.ArgumentParser()
    p.add_argument("work")
    p.add_argument("dtype", choices=DTYPES)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--tokens", type=int, default=32)
    args = p.parse_args()
    if args.dtype == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        print(json.dumps({"absent": "this processor has no instructions for bfloat16, without which PyTorch takes minutes"}))
        return
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    make = vision if args.work.startswith(("siglip", "clip")) else llama if args.work.startswith("llama") else dadm
    with torch.inference_mode(not args.work.startswith("dadm-step")):
        run = make(args.work, DTYPES[args.dtype], args.tokens)
        print(json.dumps({"ready": f"PyTorch {torch.__version__}"}), flush=True)
        for _ in sys.stdin:
            begun = time.perf_counter()
            own = run()
            print(json.dumps({"ms": own if isinstance(own, float) else (time.perf_counter() - begun) * 1e3}), flush=True)


if __name__ == "__main__":
    main()
