"""The server of quick commands is one for all workers of a run of the tests."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline import warm


def test_who_comes_later_joins_the_server_that_is_there(
    warm_commands: Path, shared_folder: Path
) -> None:
    address = shared_folder / "warm/server"
    before = address.stat()
    with warm.serving(shared_folder / "warm") as folder:
        assert folder == warm_commands
    assert address.stat() == before
