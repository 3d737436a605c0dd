"""From the notebook to the page: papermill executes it, nbconvert renders it.

Both run in a temporary folder of their own: nothing is written to the user's home, no kernel or
template that is installed there is used, and the executed notebook, which holds dates and
durations, does not outlive the page.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
from ipykernel.kernelspec import write_kernel_spec
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from study.entry.errors import StudyError

_HERE = Path(__file__).resolve().parent
_CODE = _HERE.parents[2]  # the folder that holds the package `study`
_KERNEL = "lora-rank-study"


def make_page(
    notebook: str | Path, folder: str | Path, settings: Mapping[str, Any], title: str
) -> str:
    """Execute the notebook and return the page: one HTML document that needs nothing else.

    Args:
        notebook: the source; it is read, and not written.
        folder: of the study, whose records the notebook reads.
        settings: of the study, by section; title: what a browser calls the page.

    Raises:
        StudyError: a cell of the notebook raised one; its message is kept.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with _private_jupyter(work):
            executed = _execute(Path(notebook), work / "executed.ipynb", folder, settings)
            return render(executed, title)


def _execute(source: Path, target: Path, folder: str | Path, settings: Mapping[str, Any]) -> Any:
    parameters = {
        "folder": str(Path(folder).resolve()),
        "settings": json.loads(json.dumps(settings)),
    }
    try:
        return papermill.execute_notebook(
            source,
            target,
            parameters=parameters,
            kernel_name=_KERNEL,
            language="python",
            progress_bar=False,
            cwd=str(target.parent),
            config=Config(ConnectionFileMixin={"transport": "ipc"}),  # files, not ports
        )
    except PapermillExecutionError as error:
        if error.ename == StudyError.__name__:
            raise StudyError(error.evalue) from error
        raise


def render(executed: Any, title: str) -> str:
    """Return the page of an executed notebook."""
    exporter = HTMLExporter(
        template_name="template", extra_template_basedirs=[str(_HERE)], exclude_input=True
    )
    page, _ = exporter.from_notebook_node(executed, resources={"report_title": title})
    return str(page)


@contextmanager
def _private_jupyter(work: Path) -> Iterator[None]:
    """Let Jupyter see this interpreter's kernel alone, and keep what it writes within `work`."""
    places = {
        "JUPYTER_PATH": work / "path",
        "JUPYTER_DATA_DIR": work / "data",
        "JUPYTER_CONFIG_DIR": work / "config",
        "JUPYTER_RUNTIME_DIR": work / "run",
        "IPYTHONDIR": work / "ipython",
    }
    write_kernel_spec(work / "path" / "kernels" / _KERNEL)
    modules = os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
    before = dict(os.environ)
    os.environ.update({name: str(place) for name, place in places.items()})
    os.environ["PYTHONPATH"] = modules
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
