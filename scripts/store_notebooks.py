"""Run notebooks and store what they show; scripts/tutorials calls it."""

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import plotly.io

FIGURE = "application/vnd.plotly.v1+json"


def as_png(output: dict[str, Any]) -> None:
    """Put a picture that shows everywhere in the place of a figure of plotly."""
    data = output.get("data", {})
    if FIGURE in data:
        picture = plotly.io.from_json(json.dumps(data[FIGURE]), skip_invalid=True)
        png = picture.to_image("png", width=900, scale=1.5)
        output["data"] = {"image/png": base64.b64encode(png).decode()}


def store(path: Path) -> None:
    """Run one notebook in its folder, and write it with its outputs."""
    notebook, start = nbformat.read(path, 4), time.monotonic()
    nbclient.NotebookClient(notebook, timeout=300, record_timing=False).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            as_png(output)
    # Which Python ran it says nothing of it, and would change with every machine.
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
    print(f"{path}: {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    for each in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(Path().glob("*.ipynb")):
        store(each)
