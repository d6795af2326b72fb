"""The published vision towers on a CPU: PyTorch in float32 and bfloat16, and ONNX Runtime in float32.

    python vision_torch.py --model siglip-so400m-384 clip-l-336 --runs ort f32 bf16

Peers of `aegis bench vision`. Weights and the picture are random; nothing is fetched. The tower is Hugging Face's,
without a pooling head, up to its last hidden state. For ONNX Runtime it is exported once (--keep FOLDER holds the files,
1.7 GB for SigLIP, for the next time). The peers take turns, round by round, so that a machine that slows down slows all of
them; then there is one line a peer, with processor time beside wall time.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from clock import Clock
from transformers import CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel


def tower(name):
    torch.manual_seed(1)
    if name == "siglip-so400m-384":
        config = SiglipVisionConfig(
            hidden_size=1152,
            intermediate_size=4304,
            num_hidden_layers=27,
            num_attention_heads=16,
            image_size=384,
            patch_size=14,
            vision_use_head=False,
        )
        return SiglipVisionModel._from_config(config, attn_implementation="sdpa").eval()
    config = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
        projection_dim=768,
    )
    return CLIPVisionModel._from_config(config, attn_implementation="sdpa").eval()


class LastHidden(torch.nn.Module):
    """The tower as a function of pixels alone, for the export."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).last_hidden_state


def in_onnx_runtime(name, pixels, folder, threads):
    import onnxruntime

    file = Path(folder) / f"{name}-{pixels.shape[0]}.onnx"
    if not file.exists():
        whole = Path(folder) / f"unfinished-{file.name}"
        torch.onnx.export(LastHidden(tower(name)), (pixels,), str(whole), dynamo=False, opset_version=17)
        whole.rename(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: pixels.numpy()}
    return lambda: session.run(None, feed)


def in_torch(name, pixels, dtype):
    model = tower(name).to(dtype)
    given = pixels.to(dtype)
    return lambda: model(pixel_values=given)


@torch.inference_mode()
def compare(clock, name, runs, batch, rounds, threads, folder):
    side = 384 if name.startswith("siglip") else 336
    pixels = torch.randn(batch, 3, side, side)
    work, taken = {}, {}
    for run in runs:
        try:
            if run == "ort":
                work[run] = in_onnx_runtime(name, pixels, folder, threads)
            else:
                work[run] = in_torch(name, pixels, {"f32": torch.float32, "bf16": torch.bfloat16}[run])
            work[run]()
            taken[run] = []
        except Exception as e:  # whatever a library raises, the other peers are still wanted
            clock.failed(f"vision {name}", e, peer=run)
    for _ in range(rounds):
        for run in taken:
            if clock.seconds() < clock.limit:
                begun, processor = time.perf_counter(), time.process_time()
                work[run]()
                taken[run].append((time.perf_counter() - begun, time.process_time() - processor))
    for run, times in taken.items():
        if not times:
            clock.say(f"vision {name}", peer=run, skipped=f"{clock.limit:g} s are over")
            continue
        wall = sorted(1e3 * w for w, _ in times)
        clock.say(
            f"vision {name}",
            peer=run,
            pictures=batch,
            ms=statistics.median(wall),
            least=wall[0],
            most=wall[-1],
            times=len(wall),
            processor_ms=1e3 * statistics.median(p for _, p in times),
        )


def main():
    p = argparse.ArgumentParser(description="vision towers in PyTorch and ONNX Runtime, one picture, on the CPU")
    models = ["siglip-so400m-384", "clip-l-336"]
    p.add_argument("--model", nargs="+", choices=models, default=models)
    p.add_argument("--runs", nargs="+", choices=["ort", "f32", "bf16"], default=["ort", "f32", "bf16"])
    p.add_argument("--batch", type=int, default=1, help="pictures in one pass")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--keep", help="a folder that holds exported models, now and the next time")
    p.add_argument("--limit", type=float, default=600, help="begin no measurement after so many seconds")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    clock = Clock("cpu", args.limit)
    with tempfile.TemporaryDirectory() as temporary:
        for name in args.model:
            compare(clock, name, args.runs, args.batch, args.rounds, args.threads, args.keep or temporary)
    return 1 if clock.failures else 0


if __name__ == "__main__":
    sys.exit(main())
