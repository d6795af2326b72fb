"""Compares dadm_torch.py with golden data: what the published code computed at small sizes, in float64.

A relative difference is max |ours - reference| / max |reference| of one tensor; where the reference is zero but for
rounding it means nothing, and such tensors are left out and counted: gradients of convolution biases in front of batch
norm in training mode, elements of a step of Adam whose gradient is below 1e-6 (its first step is the gradient's sign).
"""

import json
from dataclasses import replace
from pathlib import Path

import torch
from dadm_torch import (
    INTENDED,
    OFFICIAL,
    Batch,
    Dadm,
    Labels,
    Sizes,
    Training,
    align_hyperplanes,
    angle_loss,
    batch_prototypes,
    combine,
    gradients,
    losses_of,
    modulated,
    with_momentum,
)
from safetensors.torch import load_file

FORWARD, BACKWARD = 1e-4, 1e-3
# Of a change of 5e-5 in float32 values up to 2, each rounded by 6e-8 on both sides.
CHANGE = 2.5e-3
TINY = 1e-6


class Differences:
    """The worst relative difference of each kind of tensor, and the tolerance it is held to."""

    def __init__(self):
        self.worst, self.left_out = {}, {}

    def see(self, kind, tolerance, name, ours, reference, mask=None):
        ours, reference = torch.as_tensor(ours).detach().cpu().double(), reference.double()
        if ours.shape != reference.shape:
            raise SystemExit(f"{kind} {name}: shape {list(ours.shape)}, expected {list(reference.shape)}")
        if mask is not None:
            ours, reference = ours[mask], reference[mask]
        if reference.numel() == 0:
            return self.leave_out(kind)
        # Where all of the reference is 0, so must ours be.
        scale = reference.abs().max().item() or 1.0
        difference = (ours - reference).abs().max().item() / scale
        difference = float("inf") if difference != difference else difference
        count, before = self.worst.get(kind, (0, (-1.0, "", tolerance)))
        self.worst[kind] = (count + 1, max(before, (difference, name, tolerance)))

    def leave_out(self, kind):
        self.left_out[kind] = self.left_out.get(kind, 0) + 1

    def report(self):
        """Prints a line a kind; how many kinds are past their tolerance."""
        failures = 0
        for kind, (count, (difference, name, tolerance)) in self.worst.items():
            failures += difference > tolerance
            verdict = "ok" if difference <= tolerance else "FAILED"
            out = f", {self.left_out[kind]} left out" if kind in self.left_out else ""
            print(f"{kind:34s} {count:5d} tensors{out:14s} worst {difference:.1e} of {tolerance:g}  {verdict:6s} ({name})")
        return failures


class Golden:
    def __init__(self, folder, device, dtype, stacked):
        self.folder, self.device, self.dtype, self.stacked = Path(folder), device, dtype, stacked
        self.config = c = json.loads((self.folder / "config.json").read_text())
        self.sizes = Sizes(c["D"], c["heads"], c["L"], c["G"], c["patch"], c["mlp"], c["mim_h1"], c["adapter_dim"])
        x = self.file("inputs")
        pictures = [x[k].to(device, dtype) for k in ("x1", "x2", "x3", "x3_hog", "x3_plgf")]
        composite = torch.stack([p[:, 0] for p in pictures[2:]], 1)
        self.batch = Batch(pictures[:3], Labels(x["label"][:, 0], x["domain"], x["modality_domain"]), composite)
        self.permutations = x["perm"].to(device)
        self.previous = [x[f"proto_prev_{k}"].to(device, dtype) for k in ("color", "depth", "ir")]
        self.prototypes = self.stored_prototypes("epoch0")
        self.zero_in_training = set(c["zero_grad_in_train_mode"])

    def file(self, name):
        return load_file(self.folder / f"{name}.safetensors")

    def stored_prototypes(self, which):
        p = self.file("prototypes")
        return [p[f"{which}/{k}"].to(self.device, self.dtype) for k in ("color", "depth", "ir")]

    def model(self):
        model = Dadm(self.sizes, self.stacked)
        model.load_state_dict(self.file("weights"))
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        flags = {name: p.requires_grad for name, p in model.named_parameters()}
        if flags != self.config["trainable"]:
            raise SystemExit("the model's trainable parameters are not those of config.json")
        return model.to(self.device, self.dtype)


def check(folder, device="cpu", dtype="f32", stacked=False):
    """Prints the worst relative differences; 0 when all are within tolerance."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if device == "cpu":
        torch.set_num_threads(1)  # these sizes gain nothing from more
    golden = Golden(folder, device, {"f32": torch.float32, "f64": torch.float64}[dtype], stacked)
    found = Differences()
    prototypes(golden, found)
    for mode in ("eval", "train"):
        one_step(golden, found, mode)
    three_steps(golden, found)
    angles(golden, found)
    failures = found.report()
    print(f"{failures} kinds of tensors failed" if failures else "all within tolerance")
    return 1 if failures else 0


def prototypes(golden, found):
    model = golden.model().eval()
    pictures = [*golden.batch.pictures[:2], golden.batch.composite]
    with torch.no_grad():
        fresh = batch_prototypes(model(pictures).features, golden.batch.labels.prototype)
    results = {"epoch0": fresh}
    # The reference's fixed prototypes mend the exchange of modalities only; absent classes still decay.
    decaying = replace(INTENDED, keep_absent=False)
    for name, recipe in (("epoch1_official", OFFICIAL), ("epoch1_fixed", decaying)):
        results[name] = with_momentum(fresh, golden.previous, golden.batch.labels.prototype, recipe)
    for name, ours in results.items():
        for k, reference in enumerate(golden.stored_prototypes(name)):
            found.see("prototypes", FORWARD, f"{name}/{k + 1}", ours[k], reference.cpu())


def one_step(golden, found, mode):
    """Forward, losses, gradients, ReGrad, Adam and hyperplanes of one batch."""
    model = golden.model().train(mode == "train")
    seen = {}
    out = model(golden.batch.pictures, golden.permutations, seen.__setitem__)
    losses = losses_of(model, out, golden.batch.labels, golden.prototypes)

    inter = golden.file(f"inter-{mode}")
    if seen.keys() != inter.keys():
        raise SystemExit(f"intermediate tensors differ in name: {sorted(seen.keys() ^ inter.keys())}")
    for name, reference in inter.items():
        found.see(f"{mode}: intermediate", FORWARD, name, seen[name], reference)
    ours = {"out_all": out.logits, "score": out.logits.softmax(1)[:, 1], "loss/total": losses.total, "loss/angle": losses.angle}
    for k in range(3):
        ours[f"feat_{k + 1}"] = out.features[k]
        ours[f"mi_{k + 1}"] = out.information[k]
        ours[f"scalar/mi_{k + 1}"] = out.information[k].mean()
        ours[f"mi_loss{k + 1}"] = out.mutual_information[k]
        ours[f"out_d{k + 1}"] = losses.domain_logits[k]
        ours[f"loss/ce_d{k + 1}"] = losses.domain[k]
        ours[f"loss/ssp_{k + 1}"] = losses.single[k]
        ours[f"loss/m{k + 1}"] = losses.modal[k]
    stored = golden.file(f"outputs-{mode}")
    if stored.keys() - ours.keys():
        raise SystemExit(f"outputs that are not compared: {sorted(stored.keys() - ours.keys())}")
    for name, reference in stored.items():
        found.see(f"{mode}: outputs and losses", FORWARD, name, ours[name].reshape(reference.shape), reference)
    if mode == "train":
        buffers = dict(model.named_buffers())
        for name, reference in golden.file("bn-after-train").items():
            found.see("train: batch norm's statistics", FORWARD, name, buffers[name], reference)

    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    noise = golden.zero_in_training if mode == "train" else set()
    of = {f"m{k + 1}": gradients(loss, trainable, retain=True) for k, loss in enumerate(losses.modal)}
    of["total"] = gradients(losses.total, trainable)
    for loss, ours in of.items():
        stored = golden.file(f"grads-{mode}-{loss}")
        compare_gradients(found, f"{mode}: gradients of {loss}", ours, stored, noise, golden.stacked)

    information = [tokens.mean().item() for tokens in out.information]
    modal = [of[f"m{k + 1}"] for k in range(3)]
    results = {}
    for name in ("official", "fixed", "fixed_heads_diff"):
        at = modulated(trainable, name.replace("heads_diff", "heads_only"))
        results[name] = {
            n: combine(n, g, [m[n] for m in modal], information) if n in at and g is not None else g
            for n, g in of["total"].items()
        }
        stored = golden.file(f"regrad-{mode}-{name}")
        ours = {n: g for n, g in results[name].items() if not name.endswith("diff") or n in stored}
        compare_gradients(found, f"{mode}: ReGrad {name}", ours, stored, noise, golden.stacked)
    compare_hyperplanes(golden, found, mode, "initial", golden.model())
    for name in ("official", "fixed"):
        updated = golden.model()
        compare_update(golden, found, mode, name, updated, results[name], noise)
        compare_hyperplanes(golden, found, mode, name, updated)


def compare_gradients(found, kind, ours, stored, noise, stacked):
    reached = {n for n, g in ours.items() if g is not None}
    if stacked:  # modalities that share a call reach each other's parameters, with gradients of exactly 0
        reached -= {n for n in reached - stored.keys() if not ours[n].any()}
    if reached != stored.keys():
        raise SystemExit(f"{kind}: these have a gradient on one side only: {sorted(reached ^ stored.keys())}")
    for name, reference in stored.items():
        if name in noise:
            found.leave_out(kind)
        else:
            found.see(kind, BACKWARD, name, ours[name], reference)


def compare_update(golden, found, mode, name, model, gradient, noise):
    """One step of Adam. The change of a parameter is compared, of which its value would hide all but the last digits."""
    training = Training(model, rate=golden.config["lr"], decay=golden.config["weight_decay"])
    before = {n: p.detach().cpu().double().clone() for n, p in training.trainable.items()}
    for n, p in training.trainable.items():
        p.grad = gradient[n]
    training.adam.step()
    reference_gradient = golden.file(f"regrad-{mode}-{name}")
    kind = f"{mode}: change by Adam, {name}"
    for n, reference in golden.file(f"step-{mode}-{name}").items():
        if n in noise or n not in reference_gradient:
            found.leave_out(kind)
            continue
        slope = reference_gradient[n].double() + golden.config["weight_decay"] * before[n]
        ours = training.trainable[n].detach().cpu().double() - before[n]
        found.see(kind, CHANGE, n, ours, reference.double() - before[n], slope.abs() >= TINY)


def compare_hyperplanes(golden, found, mode, name, model):
    agreement = align_hyperplanes(model)
    stored = golden.file(f"hyperplane-{mode}")
    kind = f"{mode}: hyperplanes"
    found.see(kind, FORWARD, f"{name}/return", agreement.reshape(stored[f"{name}/return"].shape), stored[f"{name}/return"])
    for head in ("fc_all", "fc_d1", "fc_d2", "fc_d3"):
        found.see(kind, FORWARD, f"{name}/{head}", getattr(model, head).weight, stored[f"{name}/{head}.weight"])


def three_steps(golden, found):
    """Three whole steps as the published code takes them, through Training.step as the bench runs it."""
    stored = golden.file("train3-official")
    model = golden.model()
    training = Training(model, OFFICIAL, golden.config["lr"], golden.config["weight_decay"])
    for i in range(3):
        losses, agreement = training.step(golden.batch, 0, golden.permutations)
        ours = {"total": losses.total, "hyper_return": agreement, **{f"m{k + 1}": losses.modal[k] for k in range(3)}}
        for name, value in ours.items():
            reference = stored[f"iter{i}/{name}"]
            found.see("three official steps: losses", FORWARD, f"{i}/{name}", value.reshape(reference.shape), reference)
    weights = model.state_dict()
    for name, reference in stored.items():
        if name.startswith("after3/"):
            n = name.removeprefix("after3/")
            found.see("three official steps: parameters", BACKWARD, n, weights[n], reference)


def angles(golden, found):
    """The angle loss of batches that lack domains or classes."""
    cases = golden.file("cases")
    for name in sorted({k.rsplit("/", 1)[0] for k in cases if k.startswith("angle/")}):
        f = [cases[f"{name}/f{k + 1}"].clone().requires_grad_() for k in range(3)]
        live, domain = (cases[f"{name}/{k}"].flatten().long() for k in ("label", "domain"))
        loss = angle_loss(f, Labels(live, live, domain))
        if f"{name}/loss" in cases:
            found.see("angle loss, float64", 1e-9, name, torch.as_tensor(loss).double().reshape(cases[f"{name}/loss"].shape), cases[f"{name}/loss"])
        if isinstance(loss, torch.Tensor):
            for k, g in enumerate(torch.autograd.grad(loss, f)):
                found.see("angle loss's gradients, float64", 1e-9, f"{name}/g{k + 1}", g, cases[f"{name}/g{k + 1}"])
