"""Section `ray`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import TextOrNull
from study.entry.rules import number, optional, share, whole
from study.entry.sections import Section


@dataclass(frozen=True)
class RaySettings:
    """The cluster of `train.executor: ray`, and what each task, a group of runs, asks it for.

    Attributes:
        address: HOST:PORT, ray://HOST:PORT, "auto" (one that runs on this machine) or "local" (one
            started for the stage). None: the environment's RAY_ADDRESS if it is set, else local.
        cpus: None for as many as the stage has threads.
        gpus: a share of one, or whole ones.
        retries: how often a group whose worker died is trained again.
    """

    address: TextOrNull
    cpus: Annotated[float | None, optional(number(0))]
    gpus: Annotated[float, share()]
    retries: Annotated[int, whole(0)]


RAY = Section("ray", RaySettings)
