"""`python -m NAME` and `dvc` in processes that have the libraries imported already.

A pipeline of toys spends nearly all its time importing torch, transformers and DVC, once for each
stage and each command. A server imports them once; a command is then a fork of it, with its own
arguments, folder, environment and streams. The project's own modules are none of what the server
imports: every fork reads those of the folder that it runs in, as a new Python would. DVC is spared
to parse the same YAML again and again (`parsed.py`), and Python to compile the same source
(`compiled.py`).

    with serving(place) as folder:  # put first on PATH: it holds a `python` and a `dvc`

All who name the same place share one server, which ends with the last of them.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock

LIBRARIES = (
    *("torch", "torch.func", "torch.utils.checkpoint", "torch.utils.flop_counter"),
    *("transformers", "transformers.models.bert.modeling_bert", "transformers.pytorch_utils"),
    *("transformers.models.llama.modeling_llama", "tokenizers", "safetensors.torch"),
    *("scipy.stats", "scipy.optimize", "scipy.special", "scipy.integrate", "sklearn.metrics"),
    *("pandas", "datasets", "peft", "ruamel.yaml", "matplotlib.pyplot"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "dvc.cli"),
    *("dvc.cli.parser", "dvc.repo", "dvc.fs", "dvc.repo.reproduce", "dvc.repo.status", "dvc.lock"),
    *("dvc.repo.checkout", "dvc.repo.commit", "dvc.repo.experiments.run", "dvc.rwlock", "dvc.scm"),
    *("dvc.repo.experiments.queue.workspace", "dvc.repo.experiments.queue.celery", "dvc.cachemgr"),
    *("dvc.data_cloud", "dvc.utils.hydra", "dvc_render", "dulwich.ignore", "dulwich.porcelain"),
    *("flufl.lock", "zc.lockfile", "configobj", "flatten_dict"),
    *("ipykernel.kernelapp", "nbconvert", "papermill", "transformers.trainer"),
)
# Any other way of starting Python (`python -c`, `python FILE`) is left to Python itself.
CLIENT = """#!{python} -IS
import json, os, socket, sys
command, *words = sys.argv
if os.path.basename(command) == "dvc":
    words = ["-m", "dvc", *words]
if words[:1] == ["-Xfrozen_modules=off"]:  # what Jupyter starts a kernel with
    words = words[1:]
if words[:1] != ["-m"]:
    os.execv({python!r}, [{python!r}, *words])
own = os.path.join(os.path.dirname(os.path.abspath(command)), "python")
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"+"], [0, 1, 2])
    server.sendall(json.dumps([own, words[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    status = server.recv(16)
sys.exit(int(status or 1))
"""


@contextlib.contextmanager
def serving(place: Path) -> Iterator[Path]:
    """Start a server in a folder, or join the one that is there; give the folder of its commands.

    Who joins holds a pipe's end, and the server ends when nobody does any more. Who started it
    waits for that, and has what it used counted as its own.
    """
    folder, held = place / "bin", place / "held"
    server: subprocess.Popen[bytes] | None = None
    with FileLock(place.with_suffix(".lock")):
        end = _join(folder, held) if folder.exists() else None
        if end is None:
            server, end = _start(place, folder, held)
    try:
        yield folder
    finally:
        os.close(end)
        if server is not None:
            assert server.wait() == 0


def _join(folder: Path, held: Path) -> int | None:
    """Hold the pipe of the server that is there, if it still answers."""
    try:
        end = os.open(held, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody reads from it
        return None
    nothing = [folder / "python", "-m", "this"]
    if subprocess.run(nothing, capture_output=True, check=False).returncode != 0:
        os.close(end)
        return None
    return end


def _start(place: Path, folder: Path, held: Path) -> tuple[subprocess.Popen[bytes], int]:
    shutil.rmtree(place, ignore_errors=True)  # of one that has ended
    folder.mkdir(parents=True)
    address = str(place / "server")
    for name in ("python", "dvc"):
        command = folder / name
        command.write_text(CLIENT.format(python=sys.executable, address=address))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    os.mkfifo(held)
    read = os.open(held, os.O_RDONLY | os.O_NONBLOCK)  # else it waits for who writes
    end = os.open(held, os.O_WRONLY)
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, address],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=read,
        stdout=subprocess.PIPE,
    )
    os.close(read)
    assert server.stdout is not None
    with server.stdout as said:
        assert said.readline() == b"ready\n"
    return server, end


def serve(address: str) -> None:
    """Run the commands that come, each in a fork of this process, until standard input ends."""
    for name in LIBRARIES:
        importlib.import_module(name)
    # What transformers makes out, from a thousand patterns, when it loads the first model.
    importlib.import_module("transformers.conversion_mapping").get_checkpoint_conversion_mapping("")
    # By their place: where this server looks for modules, the project's own must not be found.
    for name in ("parsed.py", "compiled.py"):
        runpy.run_path(str(Path(__file__).with_name(name)))["keep"](Path(address).parent)
    gc.freeze()
    asleep, awake = os.pipe()
    os.set_blocking(awake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(awake)
    clients: dict[int, socket.socket] = {}  # by the process that runs its command
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([listener, asleep, sys.stdin], [], [])
            if asleep in readable:
                os.read(asleep, 1024)
                _tell(clients)
            if listener in readable:
                client, _ = listener.accept()
                _, streams, _, _ = socket.recv_fds(client, 1, 3)
                with client.makefile("rb") as stream:
                    own, words, folder, environment = json.loads(stream.read())
                if (process := os.fork()) == 0:
                    for unused in (listener, client, *clients.values()):
                        unused.close()
                    _become(streams, folder, environment)
                    sys.executable = own  # what it starts with this is quick too
                    _leave(_status(words))
                clients[process] = client
                for stream_ in streams:
                    os.close(stream_)
            if sys.stdin in readable and select.select([sys.stdin], [], [], 0)[0]:
                return  # and nobody has joined since


def _tell(clients: dict[int, socket.socket]) -> None:
    """Send the exit status of every process that has ended to the client that waits for it."""
    while clients:
        process, status = os.waitpid(-1, os.WNOHANG)
        if process == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        with clients.pop(process) as client, contextlib.suppress(BrokenPipeError):
            client.sendall(str(code if code >= 0 else 128 - code).encode())


def _become(streams: Sequence[int], folder: str, environment: Mapping[str, str]) -> None:
    """Take over the client's streams, folder and environment."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for own, given in enumerate(streams):
        os.dup2(given, own)
        os.close(given)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)


def _status(words: list[str]) -> int:
    """Run a command to its end; return what it exits with, as Python would."""
    try:
        _run(words)
    except SystemExit as stopped:
        if stopped.code is None or isinstance(stopped.code, int):
            return stopped.code or 0
        print(stopped.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(status: int) -> NoReturn:
    """End this process as Python does, but for clearing away all that the libraries made.

    That would first copy every page of it, which takes as long as many a command.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _run(words: list[str]) -> None:
    """Do what `python -m` with these words does; leave by SystemExit or an error, or return."""
    module, *arguments = words
    places: list[Any] = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    sys.path[:0] = [os.getcwd(), *(p for p in places if p not in sys.path)]
    sys.argv = ["-m", *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1])
