"""One call of the command: everything is computed, and checked, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit import allotment, cutting, words
from audit.directions import Decompose, Directions, directions, plainly
from audit.places import adapter_folder, base_folder
from audit.record import headline, record, weighed_energy
from audit.saved import Saved, read
from audit.settings import PISSA
from audit.updates import Updates
from audit.wanted import Wanted
from audit.weights import Weights
from study.entry.errors import StudyError
from study.records.json_file import write_json


@dataclass(frozen=True)
class Asked:
    """The command line.

    Attributes:
        adapter: a folder or a hub's id.
        base, base_of_config: the base's weights are looked at: those of this folder or id, or
            those that the adapter names.
        rank, energy, parameters: how to cut it; at most one is given.
        out: folder of the cut adapter; json: file of all figures; html: page of them.
        data: what to score it on.
    """

    adapter: str
    base: str | None = None
    base_of_config: bool = False
    rank: int | None = None
    energy: float | None = None
    parameters: float | None = None
    out: Path | None = None
    json: Path | None = None
    html: Path | None = None
    data: Wanted | None = None

    @property
    def looks_at_base(self) -> bool:
        """Whether figures beside the base's weights are asked for."""
        return self.base_of_config or self.base is not None

    @property
    def cuts(self) -> bool:
        """Whether a smaller adapter is asked for."""
        return any(x is not None for x in (self.rank, self.energy, self.parameters))


def audit(asked: Asked) -> Iterator[str]:
    """Audit an adapter; give the lines to print.

    Raises:
        StudyError: bad input; nothing was written.
    """
    _check(asked)
    saved = read(adapter_folder(asked.adapter))
    saved.other_tensors()  # so that what is broken there is told too
    scored = _scored(asked, saved)
    updates = Updates(saved, _base(asked, saved) if scored is None else scored.merged)
    found = directions(updates.factors())
    beside = None
    if updates.base is not None and (scored is None or asked.looks_at_base):
        from audit.against_base import against_base  # brings scipy, which takes a second

        beside = against_base(updates)
    told = record(updates, found, beside)
    decompose = plainly
    if scored is not None:
        decompose = scored.weighing(updates)
        found = directions(updates.factors(), decompose)
        told |= weighed_energy(found)
    ranks = chosen(asked, found, dora=saved.settings.use_dora) if asked.cuts else None
    if scored is not None:
        told["scores"] = scored.scores(updates, found, decompose, headline(told), ranks)
    if ranks is not None:
        told["cut"] = _told(ranks, found, asked.out)
        if asked.out is not None:
            _write(updates, ranks, decompose, asked.out)
    if asked.json is not None:
        write_json(asked.json, told)
    if asked.html is not None:
        from audit.page import write_page  # brings matplotlib

        write_page(asked.html, told)
    yield from words.lines(told)


def _scored(asked: Asked, saved: Saved) -> Any:
    if asked.data is None:
        return None
    from audit.scored import Scored  # brings transformers

    return Scored(asked.data, _base_name(asked, saved), saved)


def chosen(asked: Asked, found: Sequence[Directions], *, dora: bool) -> dict[str, int]:
    """Return the rank that each module is cut to.

    Args:
        dora: whether no module can be left out, since its magnitudes stay.

    Raises:
        StudyError: the adapter has no such rank, or so few parameters hold no direction.
    """
    largest = allotment.largest_rank(found)
    if asked.rank is not None:
        if not 1 <= asked.rank <= largest:
            raise StudyError(f"--rank: {asked.rank}; allowed for this adapter: 1 to {largest}")
        return allotment.uniform(found, asked.rank)
    try:
        if asked.energy is not None:
            return allotment.uniform(found, allotment.uniform_rank(found, asked.energy))
        assert asked.parameters is not None
        ranks = {one.module.name: one.module.rank for one in found}
        budget = int(asked.parameters * allotment.parameters(found, ranks))
        return allotment.best(found, budget, least=1 if dora else 0)
    except ValueError as error:
        raise StudyError(f"this adapter cannot be cut so: {error}") from error


def _check(asked: Asked) -> None:
    for name, share in (("energy", asked.energy), ("parameters", asked.parameters)):
        if share is not None and not 0 < share <= 1:
            raise StudyError(f"--{name}: {share:g}; allowed: a share above 0 and at most 1")
    if asked.out is not None:
        if not asked.cuts:
            raise StudyError("--out: nothing is cut; allowed with --rank, --energy or --parameters")
        cutting.refuse_taken(asked.out)
    for option, file in (("json", asked.json), ("html", asked.html)):
        if file is not None and file.is_dir():
            raise StudyError(f"--{option}: {file} is a folder; allowed: a file")
        if file is not None and not file.resolve().parent.is_dir():
            raise StudyError(f"--{option}: {file.parent} is not there; allowed: a folder that is")


def _base(asked: Asked, saved: Saved) -> Weights | None:
    if not asked.looks_at_base and saved.config.get("init_lora_weights") != PISSA:
        return None
    revision = saved.config.get("revision") if asked.base is None else None
    folder = base_folder(_base_name(asked, saved), revision)
    return Weights(folder, transposed=bool(saved.config.get("fan_in_fan_out")))


def _base_name(asked: Asked, saved: Saved) -> str:
    name = asked.base or saved.config.get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise StudyError("--base: the adapter names no base; allowed: --base FOLDER")
    return name


def _told(ranks: allotment.Ranks, found: Sequence[Directions], out: Path | None) -> dict[str, Any]:
    whole = allotment.parameters(found, {one.module.name: one.module.rank for one in found})
    return {
        "ranks": dict(ranks),
        "energy": allotment.energy(found, ranks),
        "parameters": allotment.parameters(found, ranks),
        "parameters_share": allotment.parameters(found, ranks) / whole,
        "out": None if out is None else str(out),
    }


def _write(updates: Updates, ranks: allotment.Ranks, decompose: Decompose, out: Path) -> None:
    saved = updates.saved
    tensors = saved.other_tensors() | cutting.cut(updates.factors(), ranks, decompose)
    modules = updates.modules.values()
    config = cutting.cut_config(saved.config, modules, ranks, saved.settings.use_rslora)
    cutting.write(out, config, tensors)
