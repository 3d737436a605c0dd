"""What the claims are tested on: the study's records, and the comparisons they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analyses.results import head_alone
from study.analyses.results.head_alone import HeadAlone
from study.analyses.results.sweep import Sweep, measure_in, merits, read_sweep
from study.claims import statements
from study.claims.advice import one_more_seed, with_ranks, with_seeds
from study.claims.estimates import Estimate, estimate
from study.claims.statements import Finding, Statement
from study.claims.verdicts import MEASURED, UNTOLD, CannotTell, Verdict
from study.entry.errors import StudyError
from study.metrics.measure import measure_named
from study.probes.record import LinearProbe, read_probe
from study.records.json_file import read_json
from study.records.runs import ArmRecord
from study.statistics.crossed import are_counts, crossed
from study.statistics.resampling import Scores
from study.words.arms import head_words
from study.words.phrases import listed

if TYPE_CHECKING:
    from study.settings.whole import Settings

Record = Mapping[str, Any]
Test = Callable[["Study"], Verdict]


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        confidence: of intervals; margins: in points, set beforehand; power: of what would tell.
        scaling: of alpha with the rank, as in the settings; seeds_per_block: as `seeds` has.
        results: of every arm; linear_probe: of the frozen encoder, beside them; the records are
            those of metrics/, by their file's name.
    """

    confidence: float
    margins: tuple[float, ...]
    power: float
    scaling: str
    seeds_per_block: int
    results: Sweep
    linear_probe: LinearProbe
    theory_bound: Record
    theory: Record
    sufficient_rank: Record
    agreement: Record
    capacity: Record
    spectra: Record
    learning_rate: Record
    cost: Record

    @property
    def alpha(self) -> float:
        """The error rate of an interval's two sides together."""
        return round(1 - self.confidence, 12)

    @property
    def similar(self) -> float:
        """Points within which accuracies count as alike: the middle one of the margins."""
        return sorted(self.margins)[(len(self.margins) - 1) // 2]

    @property
    def large(self) -> float:
        """Points beyond which a difference is a large one: the widest of the margins."""
        return max(self.margins)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The sweep's, ascending."""
        return tuple(self.results.lora)

    @property
    def head_only(self) -> ArmRecord:
        return self.results.head_only

    @property
    def head_alone(self) -> HeadAlone:
        """The best head on the frozen encoder, which validation picks: what claims hold up to."""
        return head_alone.head_alone(self.head_only, self.linear_probe)

    @property
    def the_head_alone(self) -> str:
        """The same in words, which say what it is."""
        return f"the head alone ({head_words(self.head_alone.arm, self._state)})"

    @property
    def _state(self) -> str | None:
        best = self.head_alone
        return best.state if isinstance(best, LinearProbe) else None

    @property
    def full(self) -> ArmRecord:
        return self.results.full

    @property
    def measured(self) -> str:
        """What arms are compared by, in words."""
        return measure_in(self.full).words

    @property
    def on_test(self) -> str:
        return f"test {self.measured}"

    @property
    def has_shares(self) -> bool:
        """Whether a share of the metric says something: of a correlation or a loss it does not."""
        return measure_in(self.full).in_percent

    def shown(self, value: float) -> str:
        """Write a value of the metric."""
        return measure_in(self.full).shown(value)

    def merit(self, value: float) -> float:
        """Return a value of that, or a difference, so that more is better; a hundredth a point."""
        return measure_in(self.full).merit(value)

    def block_of(self, setting: str = "seeds") -> int | None:
        """Return how many seeds are added at once; None of seeds that are no training's."""
        return self.seeds_per_block if setting == "seeds" else None

    def lora(self, rank: int) -> ArmRecord:
        """Return a rank of the sweep.

        Raises:
            CannotTell: the sweep has no such rank.
        """
        if rank not in self.results.lora:
            raise CannotTell(
                f"the sweep has no rank {rank}, only {listed(self.ranks)}: "
                f"{with_ranks(self.ranks, rank)}"
            )
        return self.results.lora[rank]

    def several_ranks(self) -> tuple[int, ...]:
        """Return the sweep's ranks.

        Raises:
            CannotTell: there is only one.
        """
        if len(self.ranks) < 2:
            raise CannotTell(
                f"the sweep has one rank, {self.ranks[0]}, and nothing to compare it with: "
                f"{with_ranks(self.ranks, 1, 8, 32)}"
            )
        return self.ranks

    def ranks_above(self, rank: int) -> list[int]:
        """Return the sweep's larger ranks.

        Raises:
            CannotTell: there is none.
        """
        larger = [r for r in self.ranks if r > rank]
        if not larger:
            command = with_ranks(self.ranks, 2 * rank)
            raise CannotTell(f"the sweep has no rank above {rank}: {command}")
        return larger

    def mix(self, *parts: tuple[float, HeadAlone]) -> Estimate:
        """Return a sum of scores on test times factors, in points, paired; more is better.

        The linear probe has one answer, which stands beside every seed of the other arms.

        Its interval is over seeds and test sentences crossed (`study.statistics.crossed`); with one
        seed over sentences alone.
        """
        each = [_merits(arm) for _, arm in parts]
        factors = [factor for factor, _ in parts]
        weighted = np.broadcast_arrays(
            *(factor * one.astype(np.float64) for factor, one in zip(factors, each, strict=True))
        )
        return estimate(crossed(np.sum(weighted, axis=0), counts=all(map(are_counts, each))))

    def gain(self, first: HeadAlone, over: HeadAlone) -> Estimate:
        """Return the score on test of the first less the other's, in points; more is better."""
        return self.mix((1.0, first), (-1.0, over))

    def every(self, each: Iterable[Statement], why: str, **more: Any) -> Verdict:
        """Judge that all statements hold; `more` are numbers beside those of the deciding one."""
        return self.found(statements.every(each, self.alpha, self.power), why, **more)

    def some(self, each: Iterable[Statement], why: str, **more: Any) -> Verdict:
        """Judge that at least one statement holds."""
        return self.found(statements.some(each, self.alpha, self.power), why, **more)

    def found(self, finding: Finding, why: str, decided_by: str = MEASURED, **more: Any) -> Verdict:
        """Return a finding as a verdict; where it is open, `why` says what would tell."""
        if finding.verdict == UNTOLD:
            told = finding.statement.estimate
            advice = (
                one_more_seed()
                if told.one_seed
                else with_seeds(finding.seeds, told.setting, per_block=self.block_of(told.setting))
            )
            why += f". {advice}"
        return Verdict(finding.verdict, why, finding.numbers() | more, decided_by)


RECORDS = (
    "theory_bound",
    "theory",
    "sufficient_rank",
    "agreement",
    "capacity",
    "spectra",
    "learning_rate",
    "cost",
)
"""The files of metrics/ that are read beside the runs."""


def _merits(arm: HeadAlone) -> Scores:
    """Return what each seed scored on each test sentence; of the probe, for all seeds alike."""
    if isinstance(arm, LinearProbe):
        return measure_named(arm.metric).merits(arm.parts())
    return merits(arm)


def read_study(settings: Settings, folder: str | Path = "metrics") -> Study:
    """Read what the claims are tested on.

    Raises:
        StudyError: a record is missing or no JSON file, or as `read_sweep` and `read_probe`.
    """
    sweep = read_sweep(settings, folder, blocks=settings.blocks)
    return Study(
        settings.statistics.confidence,
        settings.statistics.margins,
        settings.statistics.power,
        settings.lora.scaling,
        len(settings.seeds),
        sweep,
        read_probe(Path(folder) / "linear_probe.json", sweep.head_only),
        **{name: read_json(Path(folder) / f"{name}.json") for name in RECORDS},
    )


def part(record: Record, file: str, *keys: str) -> Any:
    """Return what stands under these keys, one within the other.

    Raises:
        CannotTell: there stands nothing but a reason why the study cannot tell.
        StudyError: a key is not there; names the file and the keys.
    """
    value: Any = record
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise StudyError(f"metrics/{file}.json: no {'.'.join(keys)}")
        value = value[key]
        if isinstance(value, Mapping) and set(value) == {"reason"}:
            raise CannotTell(str(value["reason"]))
    return value


def rank_words(ranks: Sequence[int]) -> str:
    """Write ranks as words: rank 8; ranks 16 and 32."""
    return f"rank{'s' * (len(ranks) > 1)} {listed(ranks)}"
