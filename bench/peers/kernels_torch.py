"""What PyTorch's own kernels reach on a device: the peers of Aegis's CUDA kernels.

    python kernels_torch.py --device cuda --quick        begins nothing after 35 s
    python kernels_torch.py --device cuda                every shape, two element types; 150 s

Bytes are the least a kernel must move: every input read once, every output written once. Operations of attention are
4 B H S^2 D forward and two and a half times as many backward, half of it under a causal mask: what has to be computed,
whatever a kernel computes besides. All data are random. On a CPU the shapes shrink; that only tries the script.
"""

import argparse
import sys
import warnings

import torch
import torch.nn.functional as F
from clock import Clock
from torch.nn.attention import SDPBackend, sdpa_kernel

GIB = 2**30
FLASH, CUDNN, EFFICIENT = SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION


def time_kernel(clock, name, work, rates, **fields):
    return clock.measure(name, work, rates, calls=5 if clock.cuda else 1, **fields)


def memory(clock, gib):
    n = int(gib * GIB) // 4
    x = torch.rand(n, device=clock.device)
    y = torch.empty_like(x)
    time_kernel(clock, "copy", lambda: y.copy_(x), {"GB/s": 8 * n}, gib=gib)
    time_kernel(clock, "read (sum of float32)", lambda: x.sum(), {"GB/s": 4 * n}, gib=gib)
    time_kernel(clock, "write (fill)", lambda: y.fill_(1.0), {"GB/s": 4 * n}, gib=gib)


def products(clock, cases):
    """cases: (dtype, tf32, n)."""
    for dtype, tf32, n in cases:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(n, n, device=clock.device, dtype=dtype) for _ in range(2))
        c = torch.empty_like(a)
        name = "tf32" if tf32 else str(dtype).removeprefix("torch.")
        time_kernel(clock, "matmul", lambda: torch.mm(a, b, out=c), {"TFLOP/s": 2 * n**3}, size=n, dtype=name)
    torch.backends.cuda.matmul.allow_tf32 = False


def attention(clock, batches, head_dims, heads, backends):
    """batches: (B, S). Queries, keys and values as a projection leaves them, [B, S, H, D], seen as [B, H, S, D]."""
    for b, s in batches:
        for d in head_dims:
            q, k, v, upstream = (
                torch.randn(b, s, heads, d, device=clock.device, dtype=torch.bfloat16).transpose(1, 2) for _ in range(4)
            )
            leaves = [t.detach().requires_grad_() for t in (q, k, v)]
            for causal in (False, True):
                operations = 4 * b * heads * s * s * d / (2 if causal else 1)
                for backend in backends:
                    kind = backend.name.removesuffix("_ATTENTION")
                    fields = {"backend": kind, "B": b, "S": s, "H": heads, "D": d, "causal": causal}

                    def forward():
                        F.scaled_dot_product_attention(q, k, v, is_causal=causal)

                    with sdpa_kernel([backend]), torch.no_grad():
                        ms = time_kernel(clock, "attention forward", forward, {"TFLOP/s": operations}, **fields)
                    if ms is None:
                        continue
                    try:
                        with sdpa_kernel([backend]):
                            out = F.scaled_dot_product_attention(*leaves, is_causal=causal)
                    except RuntimeError as e:
                        clock.failed("attention backward", e, **fields)
                        continue

                    def backward():
                        torch.autograd.grad(out, leaves, upstream, retain_graph=True)

                    time_kernel(clock, "attention backward", backward, {"TFLOP/s": 2.5 * operations}, **fields)
                    del out


def backward_of(layer, x, weights):
    """Work that differentiates a layer for x and its weights; the forward pass is done once, before."""
    leaf = x.detach().requires_grad_()
    y = layer(leaf)
    upstream = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, [leaf, *weights], upstream, retain_graph=True)


def pointwise(clock, rows, width, dtypes):
    for dtype in dtypes:
        x = torch.randn(rows, width, device=clock.device, dtype=dtype)
        gain, bias = (torch.randn(width, device=clock.device, dtype=dtype, requires_grad=True) for _ in range(2))
        layers = {
            "layer_norm": (lambda t: F.layer_norm(t, (width,), gain, bias, 1e-6), [gain, bias]),
            "rms_norm": (lambda t: F.rms_norm(t, (width,), gain, 1e-6), [gain]),
            "gelu (erf)": (lambda t: F.gelu(t), []),
            "gelu (tanh)": (lambda t: F.gelu(t, approximate="tanh"), []),
            "softmax of rows": (lambda t: F.softmax(t, 1), []),
        }
        size = x.numel() * x.element_size()
        fields = {"rows": rows, "width": width, "dtype": str(dtype).removeprefix("torch.")}
        for name, (layer, weights) in layers.items():
            with torch.no_grad():
                time_kernel(clock, f"{name} forward", lambda: layer(x), {"GB/s": 2 * size}, **fields)
            try:
                backward = backward_of(layer, x, weights)
            except RuntimeError as e:
                clock.failed(f"{name} backward", e, **fields)
                continue
            time_kernel(clock, f"{name} backward", backward, {"GB/s": 3 * size}, **fields)
            del backward


def adam(clock, elements):
    """Reads weight, gradient and two moments, writes all but the gradient: 28 bytes an element of float32."""
    p = torch.randn(elements, device=clock.device, requires_grad=True)
    p.grad = torch.randn_like(p)
    for fused in (True, False):
        optimizer = torch.optim.Adam([p], lr=5e-5, weight_decay=5e-5, fused=fused, foreach=False if fused else True)
        name = "Adam (fused)" if fused else "Adam (foreach)"
        time_kernel(clock, name, optimizer.step, {"GB/s": 28 * elements}, elements=elements)


def main():
    p = argparse.ArgumentParser(description="medians of PyTorch's own kernels, one JSON object a line")
    p.add_argument("--device", default="cuda")
    p.add_argument("--quick", action="store_true", help="the shapes of the yardstick only")
    p.add_argument("--heads", type=int, default=16)
    p.add_argument("--warmups", type=int, default=3)
    p.add_argument("--times", type=int, default=10, help="of five calls each, back to back")
    p.add_argument("--limit", type=float, help="begin no measurement after so many seconds; 35 with --quick, else 150")
    args = p.parse_args()
    warnings.filterwarnings("ignore")  # why a backend does not cover a case: its line says that it does not
    clock = Clock(args.device, args.limit or (35 if args.quick else 150), args.warmups, args.times)
    torch.manual_seed(1)
    small = not clock.cuda
    bf16, f32 = torch.bfloat16, torch.float32
    square = (256, 512) if small else (4096, 8192)
    matmuls = [(bf16, False, square[0]), (bf16, False, square[1]), (f32, False, square[0]), (f32, True, square[0])]
    batches = [(1, 729), (1, 1024)] if small else [(8, 729), (4, 4096)]
    if not args.quick and not small:
        batches += [(1, 729), (22, 729), (1, 4096)]
    backends = [FLASH, SDPBackend.MATH] if small else [FLASH, CUDNN, EFFICIENT]
    # What matters most comes first, in case the limit cuts the run short.
    parts = {
        "memory": lambda: memory(clock, 1 / 64 if small else 2),
        "products": lambda: products(clock, matmuls),
        "attention": lambda: attention(clock, batches, (64, 72, 128), 2 if small else args.heads, backends),
        "pointwise": lambda: pointwise(clock, 1024 if small else 32768, 4096, (f32,) if args.quick else (f32, bf16)),
        "Adam": lambda: adam(clock, 2**20 if small else 2**27),
    }
    for name, part in parts.items():
        try:
            part()
        except Exception as e:  # what a part needs before it measures can fail as well; the others are still wanted
            clock.failed(f"all further of {name}", e)
    clock.say("kernels done", seconds=clock.seconds(), failures=clock.failures)


if __name__ == "__main__":
    sys.exit(main())
