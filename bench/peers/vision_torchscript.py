"""Writes a vision tower with random weights as TorchScript, for DJL. It needs torch and transformers.

    python vision_torchscript.py siglip-so400m-384 f32 FOLDER     FOLDER/siglip-so400m-384-f32.pt; also clip-l-336, bf16
"""

import pathlib
import sys

import torch

import cpu_worker
from vision_onnx import Pooled


@torch.inference_mode()
def main():
    name, dtype, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    run = cpu_worker.vision(name, cpu_worker.DTYPES[dtype], 0)
    cells = dict(zip(run.__code__.co_freevars, (c.cell_contents for c in run.__closure__)))
    traced = torch.jit.trace(Pooled(cells["model"]).eval(), cells["pixels"], check_trace=False)
    # Beside, then moved: half a file would be taken for a whole one the next time.
    half = folder / f"{name}-{dtype}.half"
    torch.jit.freeze(traced).save(str(half))
    half.rename(folder / f"{name}-{dtype}.pt")


if __name__ == "__main__":
    main()
