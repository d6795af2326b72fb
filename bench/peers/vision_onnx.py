"""Writes a vision tower with random weights as ONNX, for ONNX Runtime.

    python vision_onnx.py siglip-so400m-384 FOLDER     FOLDER/siglip-so400m-384.onnx (with its data); also clip-l-336
"""

import pathlib
import sys

import torch
from torch import nn

import cpu_worker


class Pooled(nn.Module):
    """A graph with one output: the pooled one, which all of the tower goes into."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model(pixel_values=pixels).pooler_output


@torch.inference_mode()
def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    run = cpu_worker.vision(name, torch.float32, 0)
    cells = dict(zip(run.__code__.co_freevars, (c.cell_contents for c in run.__closure__)))
    model, pixels = Pooled(cells["model"]).eval(), cells["pixels"]
    torch.onnx.export(
        model, (pixels,), str(folder / f"{name}.onnx"), input_names=["pixels"], output_names=["pooled"], dynamo=True, external_data=True
    )


if __name__ == "__main__":
    main()
