"""`docs/media.md` tells what the code's own tables say."""

import re
import runpy
from pathlib import Path

from nstd.media.write.codecs import CODECS
from nstd.media.write.containers import CONTAINERS, FILMS

DOCS = Path(__file__).parents[3] / "docs"


def test_its_tables_are_up_to_date() -> None:
    text = (DOCS / "media.md").read_text("utf-8")
    made = runpy.run_path(str(DOCS / "make_media.py"))["made"]
    assert made(text) == text, "Run `python docs/make_media.py`"
    assert text.count("| h264 |") == 1


def test_the_configuration_and_the_readme_name_all_that_a_film_can_be_written_as() -> None:
    comments = (DOCS.parent / "config.yaml").read_text("utf-8")
    output = set(re.findall(r"\w+", comments[comments.index("\noutput:") :]))
    assert output >= {*CONTAINERS, *CODECS}
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    assert [name for name in FILMS if f".{name}" not in readme] == []
