"""The result as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ROWS = {
    "lora_step": "LoRA, one run, step",
    "lora_step_together": "LoRA, all seeds, step",
    "full_step": "full fine-tuning, step",
    "head_only": "head only, all runs",
    "study": "the study's runs",
    "study_without_head_only": "  without head only",
    "causal_step": "language model, LoRA, step",
    "causal_step_apart": "  nothing in common",
    "causal_step_system": "  behind 200 tokens",
}
MIB = 1024**2


def table(found: Mapping[str, Any]) -> str:
    """Return all there is to see at a glance."""
    machine, peak = found["machine"], found["peak_gflops"]
    lines = [
        "",
        f"{machine['device']}, {machine['threads']} threads, torch {machine['versions']['torch']}; "
        f"matmul peak {peak['fp32']['median']:.0f} GFLOP/s in fp32, "
        f"{peak['bf16']['median']:.0f} in bf16 (medians of {len(peak['bf16']['rounds'])} rounds)",
        "",
        f"{'median seconds; ratio (range)':<28}{'default':>10}{'tuned':>10}{'ours':>10}"
        f"{'to default':>26}{'to tuned':>26}",
    ]
    for name, label in ((name, label) for name, label in ROWS.items() if name in found["rows"]):
        row = found["rows"][name]
        seconds = "".join(
            f"{_seconds(row['seconds'][kind]):>10}" for kind in ("default", "tuned", "ours")
        )
        ratios = "".join(f"{_ratio(row, kind):>26}" for kind in ("default", "tuned"))
        lines.append(f"{label:<28}{seconds}{ratios}")
    lines += [
        "Head only and the study are scaled from sampled steps and evaluations; ours, head only, "
        "is measured whole.",
        "",
        f"{'variant':<22}{'tokens/s':>10}{'of bf16':>9}{'of fp32':>9}{'MiB':>7}{'first step':>12}",
    ]
    for name, variant in found["variants"].items():
        speed = share = of_fp32 = "-"
        if "real_tokens_per_second" in variant:
            speed = f"{variant['real_tokens_per_second']:,.0f}"
            share = f"{100 * variant['bf16_peak_share']:.1f} %"
            of_fp32 = f"{100 * variant['fp32_peak_share']:.1f} %"
        lines.append(
            f"{name:<22}{speed:>10}{share:>9}{of_fp32:>9}"
            f"{variant['peak_memory_bytes'] / MIB:>7.0f}{variant['first_step']:>10.1f} s"
        )
    lines.append(
        "Tokens are real ones, without padding; so are the operations held against the peak."
    )
    accuracy = found["accuracy"]
    scores = ", ".join(f"{name} {100 * x:.1f} %" for name, x in accuracy["accuracy"].items())
    same = ", ".join(
        f"{name} {100 * x:.1f} %"
        for name, x in accuracy["same_as_default"].items()
        if name != "default"
    )
    profile = found["profile"]["ms_per_step"]
    total = sum(profile.values())
    lines += [
        "",
        f"accuracy after equal training, {accuracy['sentences']:,} test sentences: {scores}",
        f"predictions equal to default's: {same}",
        "",
        f"one of our LoRA steps under the profiler, {total:.0f} ms:",
        *(f"  {kind:<26}{ms:>8.1f} ms {100 * ms / total:>6.1f} %" for kind, ms in profile.items()),
    ]
    return "\n".join(lines)


def _seconds(x: float) -> str:
    return f"{1000 * x:.0f} ms" if x < 1 else f"{x:,.1f} s" if x < 100 else f"{x:,.0f} s"


def _ratio(row: Mapping[str, Any], kind: str) -> str:
    low, high = row[f"ratio_to_{kind}_range"]
    return f"{row[f'ratio_to_{kind}']:.2f} ({low:.2f} - {high:.2f})"
