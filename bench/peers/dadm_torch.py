"""DADM (arXiv 2503.00429) in eager PyTorch: the peer that Aegis's own DADM is measured against.

The model, its losses and its whole training step, full size by default (ViT-B/16 at 224 pixels, three modalities,
267,788,064 parameters), written from our description of the paper and of what the published code computes. Names of
parameters are those of the published checkpoint. README.md says where this differs from the published code.

    python dadm_torch.py --check GOLDEN                    against golden data (dadm_golden.py)
    python dadm_torch.py --bench --device cuda --dtype f32 tf32 bf16 --batch 16 4

Symbols: B batch, D width, L layers, G grid side, N = G*G + 1 tokens, the class token first. Lists of three go by
modality: RGB, depth, infrared; pairs of modalities are (1,2), (1,3), (2,3).
"""

import argparse
import contextlib
import re
import statistics
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

PAIRS = ((0, 1), (0, 2), (1, 2))
DOMAINS = 3
CLASSES = 5


@dataclass(frozen=True)
class Sizes:
    """The published sizes."""

    width: int = 768
    heads: int = 12
    layers: int = 12
    grid: int = 14
    patch: int = 16
    hidden: int = 3072
    mask_hidden: int = 128
    adapter: int = 8

    @property
    def image(self):
        return self.grid * self.patch


@dataclass(frozen=True)
class Recipe:
    """Where the published code and its evident intention differ."""

    training_mode: bool  # batch statistics and dropout in the step's forward; the code stays in evaluation mode
    regrad: str  # which parameters get modulated gradients: see `modulated`
    swap_momentum: bool  # the code mixes depth's prototypes with infrared's of the batch before, and the reverse
    keep_absent: bool  # a class that a batch lacks keeps its prototype rather than decaying
    composite_infrared: bool  # prototypes see infrared as (infrared, HOG, PLGF)


OFFICIAL = Recipe(False, "official", True, False, True)
INTENDED = Recipe(True, "fixed", False, True, False)


# ---- model


def to_map(tokens, grid):
    """Patches of [B, N, D] as a picture [B, D, G, G]."""
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (grid, grid))


def to_tokens(first, picture):
    """A class token [B, 1, D] and a picture [B, D, G, G] as tokens [B, N, D]."""
    return torch.cat((first, picture.flatten(2).transpose(1, 2)), 1)


class EncoderLayer(nn.Module):
    """The blocks of a ViT layer; DADM puts them together itself."""

    def __init__(self, s):
        super().__init__()
        self.ln_1 = nn.LayerNorm(s.width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(s.width, s.heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(s.width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(s.width, s.hidden), nn.GELU(), nn.Dropout(0), nn.Linear(s.hidden, s.width), nn.Dropout(0)
        )
        for linear in (self.mlp[0], self.mlp[3]):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.normal_(linear.bias, std=1e-6)

    def attend(self, u):
        return self.self_attention(u, u, u, need_weights=False)[0]


def convolution(inputs, outputs, size, activation, groups=1):
    return [nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups), nn.BatchNorm2d(outputs), activation]


class SeparableConvolution(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.depthwise_conv = nn.Sequential(*convolution(inputs, inputs, 3, nn.ReLU(), groups=inputs))
        self.pointwise_conv = nn.Sequential(*convolution(inputs, outputs, 1, nn.ReLU()))

    def forward(self, x):
        return self.pointwise_conv(self.depthwise_conv(x))


class MutualInformationMask(nn.Module):
    """Two modalities' tokens [B, N, D] to both aligned to each other, and an information token [B, 1, D] of each."""

    def __init__(self, s):
        super().__init__()
        d, h = s.width, s.mask_hidden
        self.width, self.hidden, self.grid = d, h, s.grid
        self.interactive_block = nn.Sequential(
            SeparableConvolution(2 * d, 2 * h), *convolution(2 * h, 2 * h, 3, nn.ReLU())
        )
        self.interactive_fc = nn.Linear(2 * d, 2 * h)
        self.mask_generation = nn.Sequential(
            *convolution(2 * h, h, 3, nn.ReLU()),
            *convolution(h, h, 3, nn.ReLU()),
            *convolution(h, 2 * d, 3, nn.Sigmoid()),
        )
        self.fc1 = nn.Linear(d + h, d)
        self.fc2 = nn.Linear(d + h, d)

    def forward(self, a, b):
        first_a, first_b = a[:, :1], b[:, :1]
        both = torch.cat((to_map(a, self.grid), to_map(b, self.grid)), 1)
        interaction = self.interactive_block(both)
        masked = self.mask_generation(interaction) * both
        a = to_tokens(first_a, masked[:, : self.width])
        b = to_tokens(first_b, masked[:, self.width :])
        shared = to_tokens(self.interactive_fc(torch.cat((first_a, first_b), 2)), interaction)
        return (
            self.fc1(torch.cat((a, shared[..., : self.hidden]), 2)),
            self.fc2(torch.cat((b, shared[..., self.hidden :]), 2)),
            a.mean(1, keepdim=True),
            b.mean(1, keepdim=True),
        )


class CentralDifference(nn.Module):
    """A 3x3 convolution less theta times the same one over differences to the centre."""

    def __init__(self, width, theta=0.7):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.theta = theta

    def forward(self, x):
        taps = self.conv.weight.sum((2, 3), keepdim=True)
        return self.conv(x) - self.theta * F.conv2d(x, taps)


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


class CdcAdapter(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.grid = s.grid
        self.adapter_down = nn.Linear(s.width, s.adapter)
        self.adapter_conv = CentralDifference(s.adapter)
        self.adapter_up = nn.Linear(s.adapter, s.width)
        self.dropout = nn.Dropout(0.1)
        nn.init.xavier_uniform_(self.adapter_down.weight)
        for zero in (self.adapter_down.bias, self.adapter_up.weight, self.adapter_up.bias):
            nn.init.zeros_(zero)

    def forward(self, z):
        v = quick_gelu(self.adapter_down(z))
        patches = self.adapter_conv(to_map(v, self.grid))
        first = self.adapter_conv(v[:, :1].transpose(1, 2).unsqueeze(3)).squeeze(3).transpose(1, 2)
        return self.adapter_up(self.dropout(quick_gelu(to_tokens(first, patches))))


@dataclass
class Output:
    logits: torch.Tensor  # of the common head, [B, 2]
    features: list  # class tokens, three of [B, D]
    information: list  # mean information tokens, detached, three of [B, 1, D]
    mutual_information: list  # loss of each pair, summed over the layers; None without permutations


def unseen(name, tensor):
    """The probe that looks at nothing."""


class Dadm(nn.Module):
    """The network. Encoder layers are shared by the modalities, masks and adapters are not.

    stacked: the shared layers run once over the three modalities as a batch of 3B rather than three times over B.
    """

    def __init__(self, sizes=Sizes(), stacked=False):
        super().__init__()
        s, d = sizes, sizes.width
        self.sizes, self.stacked = sizes, stacked
        for k in (1, 2, 3):
            setattr(self, f"class_token{k}", nn.Parameter(torch.zeros(1, 1, d)))
        for k in (1, 2, 3):
            setattr(self, f"pos_embedding{k}", nn.Parameter(0.02 * torch.randn(1, s.grid**2 + 1, d)))
        for k in (2, 3):  # meant to stand in for missing pictures, read by nothing
            setattr(self, f"prior_m{k}", nn.Parameter(torch.zeros(1, 3, s.image, s.image)))
        for k in (1, 2, 3):
            patches = nn.Conv2d(3, d, s.patch, s.patch)
            nn.init.trunc_normal_(patches.weight, std=(3 * s.patch**2) ** -0.5)
            nn.init.zeros_(patches.bias)
            setattr(self, f"conv_proj{k}", patches.requires_grad_(False))
        layers = [EncoderLayer(s) for _ in range(s.layers)]
        for frozen in layers[:-1]:
            frozen.requires_grad_(False)
        self.ViT_Encoder = nn.ModuleList([nn.Dropout(0), *layers, nn.LayerNorm(d, eps=1e-6)])
        self.fc_all = nn.Linear(3 * d, 2, bias=False).requires_grad_(False)
        for j in range(DOMAINS):
            setattr(self, f"fc_d{j + 1}", nn.Linear(3 * d, 2, bias=False))
        for a, b in PAIRS:
            masks = nn.ModuleList(MutualInformationMask(s) for _ in range(s.layers))
            setattr(self, f"mim_{a + 1}{b + 1}", masks)
        for k in (1, 2, 3):
            setattr(self, f"adapter_{k}", nn.ModuleList(CdcAdapter(s) for _ in range(s.layers)))

    def head(self, domain):
        return getattr(self, f"fc_d{domain + 1}")

    def forward(self, pictures, permutations=None, see=unseen):
        """pictures: three of [B, 3, S, S]; permutations: I64 [L, 3 pairs, 2, B], or None to leave the losses out."""
        x = [self.embed(k, picture, see) for k, picture in enumerate(pictures)]
        information = [0.0] * 3
        losses = None if permutations is None else [0.0] * len(PAIRS)
        for i, layer in enumerate(self.ViT_Encoder[1:-1]):
            at = f"layer{i}/"
            u = self.shared(layer.ln_1, x, at + "ln_1", see)
            c = self.shared(layer.attend, u, at + "self_attention", see)
            z = [0.0] * 3
            for pair, (a, b) in enumerate(PAIRS):
                name = f"mim_{a + 1}{b + 1}"
                out = getattr(self, name)[i](c[a], c[b])
                for slot, tensor in enumerate(out):
                    see(f"{at}{name}/{slot}", tensor)
                z[a], z[b] = z[a] + out[0], z[b] + out[1]
                for k, token in ((a, out[2]), (b, out[3])):
                    information[k] = information[k] + token.detach() / (2 * self.sizes.layers)
                if permutations is not None:
                    losses[pair] = losses[pair] + mutual_information(out[2], out[3], *permutations[i, pair])
            r = [x[k] + c[k] for k in range(3)]
            y = self.shared(layer.ln_2, r, at + "ln_2", see)
            m = self.shared(layer.mlp, y, at + "mlp", see)
            for k in range(3):
                adapted = getattr(self, f"adapter_{k + 1}")[i](z[k] / 2)
                see(f"{at}adapter_{k + 1}", adapted)
                x[k] = r[k] + m[k] + adapted
        features = [last[:, 0] for last in self.shared(self.ViT_Encoder[-1], x, "final_ln", see)]
        return Output(self.fc_all(torch.cat(features, 1)), features, information, losses)

    def embed(self, k, picture, see):
        patches = getattr(self, f"conv_proj{k + 1}")(picture)
        see(f"conv_proj{k + 1}", patches)
        first = getattr(self, f"class_token{k + 1}").expand(len(picture), -1, -1)
        return to_tokens(first, patches) + getattr(self, f"pos_embedding{k + 1}")

    def shared(self, module, tokens, name, see):
        """A module of the encoder on every modality's tokens."""
        out = module(torch.cat(tokens)).chunk(3) if self.stacked else [module(x) for x in tokens]
        for k in range(3):
            see(f"{name}/m{k + 1}", out[k])
        return list(out)


# ---- losses


def mutual_information(a, b, order_a, order_b):
    """The Donsker-Varadhan form with the critic (a + b) / 2, of information tokens [B, 1, D]; a variance penalty."""
    joint = ((a + b) / 2).mean()
    marginal = ((a[order_a] + b[order_b]) / 2).exp().mean().log()
    return marginal - joint


@dataclass
class Labels:
    """Of a batch, I64 [B] each, on the host as a loader gives them.

    live: 1 for live, 0 for an attack; prototype: class of the prototypes, 0 to 4; domain: position of the data set, of
    which 0 to 2 have heads.
    """

    live: torch.Tensor
    prototype: torch.Tensor
    domain: torch.Tensor

    def rows(self, domain, live=None):
        """Rows of one domain, or of one class in it."""
        at = self.domain == domain
        return (at if live is None else at & (self.live == live)).nonzero()[:, 0]


def angle_loss(features, labels):
    """Sums over pairs of domains: inner products across domains to tau, angles between modalities to each other's.

    0 (a number) for a batch of one domain; a class that a domain of the batch lacks contributes nothing.
    """
    present = [p for p in range(DOMAINS) if len(labels.rows(p))]
    if len(present) < 2:
        return 0.0
    units = [f / f.norm(dim=1, keepdim=True) for f in features]
    total = 0.0
    for live, tau in ((1, 1.0), (0, 0.85)):
        rows = [labels.rows(p, live).to(features[0].device) for p in present]
        if any(len(r) == 0 for r in rows):
            continue
        cells = [[u[r] for u in units] for r in rows]  # [domain][modality], [n, D] each
        for p in range(len(cells)):
            for q in range(p + 1, len(cells)):
                for k in range(3):
                    total = total + (cells[p][k] @ cells[q][k].T - tau).square().sum()
                for s, t in PAIRS:
                    u = (cells[p][s] @ cells[p][t].T).flatten()
                    v = (cells[q][s] @ cells[q][t].T).flatten()
                    total = total + (u[:, None] - v[None, :]).square().sum()
    return total / 3 if len(present) == 3 else total


def single_side(feature, prototypes, classes):
    """Cross-entropy over negative distances to the prototypes; no gradient from a distance of 0."""
    return F.cross_entropy(-(feature[:, None] - prototypes[None]).norm(dim=2), classes)


@dataclass
class Losses:
    total: torch.Tensor
    modal: list  # m_1 .. m_3
    single: list
    domain: list  # cross-entropy of each domain's head; None where the batch has no row of it
    domain_logits: list
    angle: object


def losses_of(model, out, labels, prototypes):
    device = out.features[0].device
    joined = torch.cat(out.features, 1)
    angle = angle_loss(out.features, labels)
    total = 0.2 * angle
    domain, logits = [None] * DOMAINS, [None] * DOMAINS
    for j in range(DOMAINS):
        rows = labels.rows(j)
        if len(rows):
            logits[j] = model.head(j)(joined[rows.to(device)])
            domain[j] = F.cross_entropy(logits[j], labels.live[rows].to(device))
            total = total + domain[j] * (len(rows) / len(labels.live))
    classes = labels.prototype.to(device)
    single = [single_side(out.features[k], prototypes[k], classes) for k in range(3)]
    modal = [0.3 * (single[k] + 0.5 * out.mutual_information[k]) for k in range(3)]
    return Losses(total, modal, single, domain, logits, angle)


# ---- training step


def batch_prototypes(features, classes):
    """Mean feature of each class, [5, D] a modality; 0 for a class that the batch lacks."""
    classes = classes.to(features[0].device)
    count = torch.bincount(classes, minlength=CLASSES).clamp(min=1)[:, None]
    return [f.new_zeros(CLASSES, f.shape[1]).index_add_(0, classes, f) / count for f in features]


def with_momentum(fresh, previous, classes, recipe):
    """0.8 of this batch's prototypes and 0.2 of the result before, from the second epoch on."""
    source = (0, 2, 1) if recipe.swap_momentum else (0, 1, 2)
    mixed = [0.8 * fresh[k] + 0.2 * previous[source[k]] for k in range(3)]
    if recipe.keep_absent:
        absent = torch.bincount(classes, minlength=CLASSES)[:, None].to(fresh[0].device) == 0
        mixed = [torch.where(absent, previous[k], mixed[k]) for k in range(3)]
    return mixed


def owner(name):
    """The modality, from 0, that a parameter follows by the first number in its name's first part; None for none."""
    number = re.search(r"\d+", name.split(".")[0])
    return {"3": 2, "13": 2, "23": 2, "2": 1, "12": 1, "1": 0}.get(number[0]) if number else None


def modulated(names, regrad):
    """Names of the parameters that ReGrad changes.

    official: what the published code reaches, the six input tokens; fixed: all that a modality owns but none with "fc"
    in its name; fixed_heads_only: as fixed, with only the classification heads exempt.
    """
    if regrad == "official":
        return {n for n in names if n.startswith(("class_token", "pos_embedding"))}
    exempt = {"fixed": lambda n: "fc" in n, "fixed_heads_only": lambda n: n.startswith("fc")}[regrad]
    return {n for n in names if owner(n) is not None and not exempt(n)}


def modulate(base, x):
    """Of x what lies along base where they agree, what is orthogonal to it where they conflict."""
    flat = base.reshape(-1)
    inner = torch.dot(flat, x.reshape(-1))
    along = base * (inner / (torch.dot(flat, flat) + 1e-8)).nan_to_num(0.0)
    return torch.where(inner > 0, along, x - along)


def combine(name, total, modal, information):
    """A parameter's gradient of all four losses: total's, the three modal ones (or None each), the information means."""
    if all(g is None for g in modal):
        return total
    k = owner(name)
    i, j = (other for other in range(3) if other != k)
    g = [torch.zeros_like(total) if own is None else own for own in modal]
    if information[k] == max(information):
        return total + g[k] + information[i] * modulate(g[k], g[i]) + information[j] * modulate(g[k], g[j])
    others = g[i] + g[j]
    return total + others + information[k] * modulate(others, g[k])


@torch.no_grad()
def align_hyperplanes(model, alpha=0.995):
    """Turns each domain's head towards the one it agrees with least; the common head becomes their mean.

    Returns the mean agreement of the three pairs, before.
    """
    heads = torch.stack([model.head(j).weight for j in range(DOMAINS)])  # [3, 2, 3D]
    length = heads.norm(dim=2, keepdim=True)
    beta = heads / (length + 1e-10)
    agreement = torch.stack([(beta[j] * beta).sum((1, 2)) for j in range(DOMAINS)])
    least = agreement.clone().fill_diagonal_(torch.inf).argmin(1)
    mixed = alpha * beta + (1 - alpha) * beta[least]
    turned = mixed / (mixed.norm(dim=2, keepdim=True) + 1e-10) * length
    for j in range(DOMAINS):
        model.head(j).weight.copy_(turned[j])
    model.fc_all.weight.copy_(turned.mean(0))
    return agreement.triu(1).sum() / 3


@dataclass
class Batch:
    pictures: list  # three of [B, 3, S, S]
    labels: Labels
    composite: torch.Tensor = None  # infrared as (infrared, HOG, PLGF), for the official prototypes


class Training:
    """The whole training step: prototypes, forward, four losses, four backward passes, ReGrad, Adam, hyperplanes.

    precision: a function that opens the context forward passes run in (autocast, or nothing).
    """

    PHASES = ("prototypes", "forward and losses", "three modal backwards", "total backward", "ReGrad", "Adam", "hyperplanes")

    def __init__(self, model, recipe=INTENDED, rate=5e-5, decay=5e-5, precision=contextlib.nullcontext):
        self.model, self.recipe, self.precision = model, recipe, precision
        self.trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.modulated = {n: p for n, p in self.trainable.items() if n in modulated(self.trainable, recipe.regrad)}
        self.adam = torch.optim.Adam(self.trainable.values(), lr=rate, weight_decay=decay, fused=True)
        self.prototypes = None

    def next_prototypes(self, batch, epoch):
        pictures = list(batch.pictures)
        if self.recipe.composite_infrared:
            pictures[2] = batch.composite
        self.model.eval()
        with torch.no_grad(), self.precision():
            features = self.model(pictures).features
        fresh = batch_prototypes(features, batch.labels.prototype)
        if epoch == 0 or self.prototypes is None:
            return fresh
        return with_momentum(fresh, self.prototypes, batch.labels.prototype, self.recipe)

    def losses(self, batch, permutations):
        self.model.train(self.recipe.training_mode)
        with self.precision():
            out = self.model(batch.pictures, permutations)
            return out, losses_of(self.model, out, batch.labels, self.prototypes)

    def step(self, batch, epoch=0, permutations=None, mark=lambda: None):
        """One step; `mark` is called before the first phase and after each."""
        mark()
        self.prototypes = self.next_prototypes(batch, epoch)
        mark()
        if permutations is None:
            permutations = random_permutations(self.model.sizes.layers, batch.pictures[0])
        out, losses = self.losses(batch, permutations)
        mark()
        # The published code differentiates for every parameter, though its ReGrad then reads those of six tensors.
        of = self.trainable if self.recipe.regrad == "official" else self.modulated
        modal = [gradients(loss, of, retain=True) for loss in losses.modal]
        mark()
        total = gradients(losses.total, self.trainable)
        mark()
        information = torch.stack([tokens.mean() for tokens in out.information]).tolist()
        for name, p in self.trainable.items():
            p.grad = total[name]
            if name in self.modulated and p.grad is not None:
                p.grad = combine(name, p.grad, [g[name] for g in modal], information)
        mark()
        self.adam.step()
        mark()
        agreement = align_hyperplanes(self.model)
        mark()
        return losses, agreement


def random_permutations(layers, like):
    """Two of the batch for every layer and pair, [L, 3, 2, B]."""
    return torch.rand(layers, len(PAIRS), 2, len(like), device=like.device).argsort(-1)


def gradients(loss, parameters, retain=False):
    """By name, in their parameters' memory order (as backward() leaves them); None where the loss does not reach."""
    found = torch.autograd.grad(loss, list(parameters.values()), retain_graph=retain, allow_unused=True)
    return {
        name: g if g is None or g.stride() == p.stride() else torch.empty_like(p).copy_(g)
        for (name, p), g in zip(parameters.items(), found)
    }


# ---- bench


def random_batch(n, image, device):
    """Three domains in turn, three of one class and three of the other: every cell of the angle loss has its share."""
    i = torch.arange(n)
    live, domain = (i // DOMAINS) % 2, i % DOMAINS
    spoof_class = torch.tensor([3, 2, 4])[domain]  # SURF, CeFA, USC
    labels = Labels(live, torch.where(live == 1, 1, spoof_class), domain)
    pictures = [2 * torch.rand(n, 3, image, image, device=device) - 1 for _ in range(4)]
    return Batch(pictures[:3], labels, pictures[3])


def step_phases(clock, training, batch, times=5):
    """Medians of each phase in ms, between events that do not wait for each other, and from the host's view on a CPU."""
    runs = []
    for _ in range(times):
        marks = []

        def mark():
            if clock.cuda:
                marks.append(torch.cuda.Event(enable_timing=True))
                marks[-1].record()
            else:
                marks.append(time.perf_counter())

        training.step(batch, mark=mark)
        clock.synchronize()
        pairs = zip(marks, marks[1:])
        runs.append([a.elapsed_time(b) if clock.cuda else (b - a) * 1e3 for a, b in pairs])
    return {name: float(f"{statistics.median(t):.4g}") for name, t in zip(Training.PHASES, zip(*runs))}


def bench(args):
    from clock import Clock

    clock = Clock(args.device, args.limit, args.warmups, args.times)
    recipe = {"official": OFFICIAL, "intended": INTENDED}[args.recipe]
    sizes = Sizes() if not args.small else Sizes(48, 3, 2, 4, 16, 192, 16, 8)
    torch.manual_seed(1)
    with torch.device(args.device):
        model = Dadm(sizes, args.stacked)
    if args.channels_last:
        model.to(memory_format=torch.channels_last)
    common = {"recipe": args.recipe, "stacked": args.stacked, "channels_last": args.channels_last}
    clock.say(
        "dadm model",
        parameters=sum(p.numel() for p in model.parameters()),
        trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
        seconds=clock.seconds(),
        **common,
    )
    torch.backends.cudnn.benchmark = not args.no_autotune
    for dtype in args.dtype:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype == "tf32"

        def precision():
            return torch.autocast(clock.device.type, torch.bfloat16, enabled=dtype == "bf16")

        model.eval()
        for n in args.forward:
            pictures = random_batch(n, sizes.image, args.device).pictures

            @torch.inference_mode()
            def forward():
                with precision():
                    model(pictures)

            clock.measure("dadm forward", forward, {"samples/s": n}, batch=n, dtype=dtype, **common)
        for n in args.batch:
            training = Training(model, recipe, precision=precision)
            batch = random_batch(n, sizes.image, args.device)
            if clock.cuda:
                torch.cuda.reset_peak_memory_stats()
            median = clock.measure(
                "dadm step", lambda: training.step(batch), {"samples/s": n}, batch=n, dtype=dtype, **common
            )
            if median is not None and not args.no_phases:
                finite = all(torch.isfinite(p).all() for p in training.trainable.values())
                peak = torch.cuda.max_memory_allocated() / 2**30 if clock.cuda else None
                phases = step_phases(clock, training, batch, min(5, args.times))
                clock.say("dadm step phases, ms", batch=n, dtype=dtype, finite=finite, peak_gib=peak, **phases)
            for p in training.trainable.values():
                p.grad = None
            del training, batch
    clock.say("dadm done", seconds=clock.seconds(), failures=clock.failures)
    return 1 if clock.failures else 0


def main():
    p = argparse.ArgumentParser(description="DADM in eager PyTorch: a check against golden data, and timings")
    p.add_argument("--check", metavar="DIR", help="compare with the golden data in DIR")
    p.add_argument("--bench", action="store_true", help="time forward passes and whole training steps")
    p.add_argument("--device", default="cpu")
    p.add_argument("--dtype", nargs="+", default=["f32"], choices=["f32", "tf32", "bf16", "f64"], help="f64: check only")
    p.add_argument("--batch", nargs="*", type=int, default=[16, 4], help="batches of the training step")
    p.add_argument("--forward", nargs="*", type=int, default=[1, 8, 64], help="batches of the forward pass")
    p.add_argument("--recipe", choices=["intended", "official"], default="intended")
    p.add_argument("--stacked", action="store_true", help="run the shared encoder once over all three modalities")
    p.add_argument("--channels-last", action="store_true", help="keep convolution weights in channels-last order")
    p.add_argument("--no-autotune", action="store_true", help="cuDNN's heuristics rather than its trials")
    p.add_argument("--no-phases", action="store_true", help="leave out the five further steps, timed by phase")
    p.add_argument("--warmups", type=int, default=3)
    p.add_argument("--times", type=int, default=10)
    p.add_argument("--limit", type=float, default=240, help="begin no measurement after so many seconds")
    p.add_argument("--small", action="store_true", help="the golden data's sizes: to try the script, not to measure")
    args = p.parse_args()
    if args.check:
        from dadm_golden import check

        return check(args.check, args.device, args.dtype[0], args.stacked)
    if args.bench:
        return bench(args)
    p.error("--check DIR or --bench")


if __name__ == "__main__":
    sys.exit(main())
