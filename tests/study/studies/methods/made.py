"""A made-up comparison of methods with round numbers."""

from __future__ import annotations

from typing import Any

NAMES = ("full", "head_only", "lora", "qlora", "adapter", "ia3", "prefix")
LABELS = ("Full fine-tuning", "Head only", "LoRA", "QLoRA", "Adapters", "IA³", "Prefix tuning")
PARAMETERS = (1_000_000, 100, 2_000, 2_000, 9_000, 500, 3_000)
ACCURACY = (0.80, 0.60, 0.78, 0.77, 0.79, 0.75, 0.70)
OPERATIONS = (300.0, 100.0, 200.0, 200.0, 210.0, 198.0, 220.0)
SPEED = (100.0, 900.0, 200.0, 50.0, 125.0, 160.0, 80.0)


def record(left_out: str | None = None) -> dict[str, Any]:
    """Return what `comparison.record.comparison` would; one method may have no place."""
    rows = []
    for place, name in enumerate(NAMES):
        row: dict[str, Any] = {"name": name, "label": LABELS[place]}
        if name == left_out:
            rows.append(row | {"reason": "it has none"})
            continue
        accuracy = ACCURACY[place]
        gaps = {
            key: None
            if name == other
            else {
                "difference": accuracy - ACCURACY[at],
                "low": accuracy - ACCURACY[at] - 0.035,
                "high": accuracy - ACCURACY[at] + 0.035,
            }
            for key, other, at in (("to_full", "full", 0), ("to_lora", "lora", 2))
        }
        merges = None if place < 2 else name in ("lora", "ia3")
        rows.append(
            row
            | {
                "trainable_parameters": PARAMETERS[place],
                "trainable_share": PARAMETERS[place] / 1_000_000,
                "storage_bytes": 4 * PARAMETERS[place],
                "base_bytes": 500_000 if name == "qlora" else 2_000_000,
                "optimizer_state_bytes": 8 * PARAMETERS[place],
                "flops_per_token": OPERATIONS[place],
                "inference_flops_per_token": 102.0 if name == "lora" else 100.0,
                "mergeable": merges,
                "learning_rate": 0.002,
                "rates": [{"rate": 0.002, "validation": 0.7}],
                "of_full": None
                if name == "full"
                else {
                    "share": accuracy / 0.8,
                    "low": accuracy / 0.8 - 0.03,
                    "high": accuracy / 0.8 + 0.03,
                },
                "test_accuracy": accuracy,
                "low": accuracy - 0.02,
                "high": accuracy + 0.02,
            }
            | gaps
        )
    probe = {
        "name": "linear_probe",
        "label": "Linear probe",
        "state": "mean",
        "c": 0.01,
        "trainable_parameters": 50,
        "trainable_share": 0.00005,
        "storage_bytes": 200,
        "base_bytes": 2_000_000,
        "optimizer_state_bytes": None,
        "flops_per_token": 99.0,
        "inference_flops_per_token": 99.0,
        "mergeable": None,
        "test_accuracy": 0.65,
        "low": 0.63,
        "high": 0.67,
        "to_full": {"difference": -0.15, "low": -0.17, "high": -0.13},
        "to_lora": {"difference": -0.13, "low": -0.16, "high": -0.1},
    }
    verdict = {"claim": "It is so.", "verdict": "holds", "numbers": {"why": "counted"}}
    return {
        "methods": rows,
        "linear_probe": probe,
        "claims": [verdict],
        "seeds": [0, 1, 2],
        "test_sentences": 3000,
        "train_sentences": 2000,
        "rank": 8,
        "merge_tolerance": 1e-4,
        "confidence": 0.95,
    }


def machine() -> dict[str, Any]:
    """Return timings and memory of the same methods."""
    return {
        "device": "A processor",
        "threads": 2,
        "precision": "bf16",
        "repeats": 5,
        "sentences": 256,
        "training": [
            {
                "arm": name,
                "sentences_per_second": {"median": speed, "low": 1.0, "high": 1e4},
                "ratio_to_full": {
                    "median": speed / 100,
                    "low": 0.95 * speed / 100,
                    "high": 1.05 * speed / 100,
                },
            }
            for name, speed in zip(NAMES, SPEED, strict=True)
        ],
        "memory": [
            {
                "arm": name,
                "peak_memory_bytes": 800_000_000 if name == "full" else 400_000_000,
                "idle_memory_bytes": 300_000_000,
                "peak_gpu_memory_bytes": None,
            }
            for name in NAMES
        ],
        "latency": [
            {"arm": name, "ratio": {"median": 1.25, "low": 1.0, "high": 2.0}}
            for name in ("base", *NAMES[2:])
        ],
    }
