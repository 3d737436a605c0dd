"""The parent's end of a child process: started, told what to do next, heard, ended."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.job import Job
from study.entry.errors import StudyError


class Child:
    """One child process, alive from here to `finish` or `stop`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._log = tempfile.TemporaryFile(  # noqa: SIM115  # lives as long as the child
            "w+", encoding="utf-8", errors="replace"
        )
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", str(self._began), job.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def hear(self) -> dict[str, Any]:
        """Return the child's next message.

        Raises:
            StudyError: it ended without one; the end of what it wrote is quoted.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            message: dict[str, Any] = json.loads(line)
            return message
        status = self._process.wait()
        self._log.seek(0)
        said = "".join(self._log.readlines()[-15:])
        raise StudyError(f"benchmark {self.job.kind} {self.job.arm}: exit status {status}\n{said}")

    def run(self, steps: int) -> dict[str, Any]:
        """Let the child do `steps` steps; return its answer.

        Raises:
            StudyError: it ended, or trained to its end before it had done them.
        """
        self._say(steps)
        message = self.hear()
        if "result" in message:
            raise StudyError(f"benchmark {self.job.kind} {self.job.arm}: fewer steps than asked")
        return message

    def finish(self, ask: bool = True) -> dict[str, Any]:
        """Let the child go to its end; return its result with the process's `lifetime`, in seconds.

        Args:
            ask: the child waits for a word.
        """
        if ask:
            self._say(0)
        result: dict[str, Any] = self.hear()["result"]
        self._process.wait()
        result["lifetime"] = time.monotonic() - self._began
        self.stop()
        return result

    def stop(self) -> None:
        """End the child, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None and not stream.closed:
                stream.close()

    def _say(self, steps: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()


def whole(job: Job) -> dict[str, Any]:
    """Run a child that never waits, from start to end; return its result."""
    child = Child(job)
    try:
        return child.finish(ask=False)
    finally:
        child.stop()
