"""`docs/media.md` tells what the code's own tables say."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_its_tables_are_up_to_date() -> None:
    text = (DOCS / "media.md").read_text("utf-8")
    made = runpy.run_path(str(DOCS / "make_media.py"))["made"]
    assert made(text) == text, "Run `python docs/make_media.py`"
    assert text.count("| h264 |") == 1
