"""What would tell where a study cannot: the command that sets it, written out to be copied."""

from __future__ import annotations

from collections.abc import Sequence

from study.words.phrases import counted, rough

_WRITTEN = 12  # seeds, or blocks of them, that a command names one by one
_FEASIBLE = 1000  # seeds; nobody trains more


def run(*settings: str, pipeline: str = "") -> str:
    """Return the command of an experiment with other settings; `pipeline` is none but the main."""
    words = ["dvc exp run", *([pipeline] if pipeline else [])]
    return "`" + " ".join([*words, *(f"-S '{setting}'" for setting in settings)]) + "`"


def with_ranks(ranks: Sequence[int], *more: int) -> str:
    """Return the command that adds ranks to the sweep."""
    every = sorted({*ranks, *more})
    return run(f"lora.ranks=[{','.join(map(str, every))}]")


def with_seeds(
    number: int | None,
    setting: str = "seeds",
    sentences: str = "data.test_size",
    pipeline: str = "",
    per_block: int | None = None,
) -> str:
    """Say how many seeds would decide what these left open.

    Args:
        setting, sentences: the keys of the seeds and of the number of sentences.
        pipeline: the file that is to run; empty: the main one.
        per_block: seeds of a block, in a study that adds whole blocks and trains them alone.
    """
    if number is None or number > _FEASIBLE:
        if setting != "seeds":
            return f"More `{setting}` might tell"
        most = "More" if number is None else f"Even {_FEASIBLE:,}"
        return (
            f"{most} seeds alone would not settle it: what was measured is too near the limit. "
            f"More sentences might (`{sentences}`)"
        )
    said = f"If the true values are those measured, about {counted(rough(number), 'seed')} would "
    said += "settle it"
    if number > _WRITTEN * (per_block or 1):
        return f"{said} (`{setting}`)"
    if per_block is not None:
        blocks = ",".join(map(str, range(1, -(-number // per_block))))
        more = run(f"blocks=[{blocks}]", pipeline=pipeline)
        return f"{said}: {more} trains those that are not there"
    seeds = ",".join(map(str, range(number)))
    return f"{said}: {run(f'{setting}=[{seeds}]', pipeline=pipeline)}"


def one_more_seed(pipeline: str = "") -> str:
    """Say what one seed does not show, and the command that would."""
    return f"One seed does not show how seeds differ: {run('seeds=[0,1,2]', pipeline=pipeline)}"


RATES = run(
    "lora.learning_rates=[0.0003,0.001,0.003,0.01]",
    "full.learning_rates=[0.00003,0.0001,0.0003]",
)
LORA_RATES = run("lora.learning_rates=[0.0001,0.0005,0.002,0.01]")
PROPORTIONAL = run("lora.scaling=proportional", "lora.alpha=2")
