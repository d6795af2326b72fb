"""Timing and reporting shared by the peers: medians after warm-ups, one JSON object a line, a limit on the whole run."""

import json
import statistics
import time

import torch


class Clock:
    """Times work on one device and prints what it finds.

    Every measurement stands alone: one that fails (out of memory, a backend that does not cover the case) prints a line
    with "error" and the run goes on, and none is begun once `limit` seconds have passed since the clock was made.
    """

    def __init__(self, device, limit, warmups=3, times=10):
        self.device = torch.device(device)
        self.cuda = self.device.type == "cuda"
        self.warmups, self.times = warmups, times
        self.begun, self.limit = time.perf_counter(), limit
        self.failures = 0
        self.say(
            "machine",
            torch=torch.__version__,
            device=torch.cuda.get_device_name(self.device) if self.cuda else f"cpu, {torch.get_num_threads()} threads",
            cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version() if self.cuda else None,
        )

    def seconds(self):
        """Seconds since this clock was made."""
        return time.perf_counter() - self.begun

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def say(self, name, **fields):
        """Prints one line; floats are rounded to five significant digits."""
        rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in fields.items()}
        print(json.dumps({"name": name, **rounded}), flush=True)

    def milliseconds(self, work, warmups=None, times=None, calls=1):
        """Every time that `work()` took, ascending.

        On a GPU between two events around each call, the queue empty at its beginning: what the host needs to launch the
        work counts whenever the device has to wait for it. With several `calls` between the events, back to back, each
        time is their mean: for single kernels, of which the launch would be a good part.
        """
        for _ in range(self.warmups if warmups is None else warmups):
            work()
        taken = []
        for _ in range(self.times if times is None else times):
            self.synchronize()
            if self.cuda:
                start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                for _ in range(calls):
                    work()
                end.record()
                end.synchronize()
                taken.append(start.elapsed_time(end) / calls)
            else:
                start = time.perf_counter()
                for _ in range(calls):
                    work()
                taken.append((time.perf_counter() - start) * 1e3 / calls)
        return sorted(taken)

    def measure(self, name, work, rates=None, warmups=None, times=None, calls=1, **fields):
        """Times `work` and prints its median, smallest and largest time; returns the median, or None if it failed.

        rates: amounts by the name of their rate per second, e.g. {"GB/s": 2.1e9}: bytes under GB/s, operations under
        TFLOP/s, anything else per second as it is.
        """
        units = {"GB/s": 1e9, "TFLOP/s": 1e12}
        if self.seconds() > self.limit:
            self.say(name, **fields, skipped=f"{self.limit:g} s are over")
            return None
        try:
            taken = self.milliseconds(work, warmups, times, calls)
        except Exception as e:  # whatever a library raises, the other measurements are still wanted
            return self.failed(name, e, **fields)
        median = statistics.median(taken)
        per = {unit: amount / (median / 1e3) / units.get(unit, 1) for unit, amount in (rates or {}).items()}
        self.say(name, **fields, ms=median, least=taken[0], most=taken[-1], times=len(taken), **per)
        return median

    def failed(self, name, error, **fields):
        """Prints that a measurement could not be made, and why."""
        self.failures += 1
        first_line = (str(error).strip().splitlines() or [""])[0]
        self.say(name, **fields, error=f"{type(error).__name__}: {first_line[:160]}")
        if self.cuda:
            torch.cuda.empty_cache()
        return None
