"""How much code there is: lines without blanks, comments and docstrings, by folder.

python bench/lines.py                # of this checkout
python bench/lines.py OTHER          # both, and the difference
"""

import argparse
import ast
import io
import tokenize
from pathlib import Path

FOLDERS = ("nstd", "tests", "art", "bench", "training")
ROOT = Path(__file__).resolve().parents[1]
SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, nargs="?", help="another checkout to compare with")
    other = parser.parse_args().other
    for folder in FOLDERS:
        here = lines_below(ROOT / folder)
        row = f"{folder:10} {here:7,}"
        if other is not None:
            before = lines_below(other / folder)
            row += f"   there {before:7,}   difference {here - before:+7,}"
        print(row)


def lines_below(folder: Path) -> int:
    """Lines of code of all Python files below a folder."""
    return sum(lines_of(path.read_text()) for path in folder.rglob("*.py"))


def lines_of(source: str) -> int:
    """Lines on which a token of code stands; docstrings are not code."""
    said = {line for node in ast.walk(ast.parse(source)) for line in _docstring(node)}
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - said)


def _docstring(node: ast.AST) -> range:
    """The lines of what documents a node: a string that stands by itself."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        value = node.value
        if isinstance(value.value, str):
            return range(value.lineno, (value.end_lineno or value.lineno) + 1)
    return range(0)


if __name__ == "__main__":
    main()
