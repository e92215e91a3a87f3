"""The rules of the house: what a reader may rely on anywhere in the repository."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.config import Settings
from app.db.migrate import head_revision

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
README = ROOT / "README.md"
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "README.md",
    "app",
    "pytest.ini",
    "requirements.txt",
    "tests",
}
MOST_LINES = 300
LINT_IMPORTS = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(".ci/importlinter.ini", no_cache=True, no_logo=True))
"""

sources = sorted(APP.rglob("*.py"))
packages = sorted(file.parent for file in APP.rglob("__init__.py"))


def test_imports_run_downward() -> None:
    """Every package imports only from those below it, and only the API knows of HTTP."""
    pytest.importorskip("importlinter", reason="import-linter is in tests/requirements.txt")

    check = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 0 == check.returncode, check.stdout


def test_top_level_is_closed() -> None:
    """The top level has no other entries."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the files of the project are known only in a git checkout")

    # A checkout mounted into a container may belong to another user, which git would refuse.
    list_files = ["git", "-c", "safe.directory=*", "ls-files"]
    listed = subprocess.run(list_files, cwd=ROOT, capture_output=True, text=True, check=True)

    assert {line.partition("/")[0] for line in listed.stdout.splitlines()} <= TOP_LEVEL


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_setting_is_documented(name: str) -> None:
    """The README names every setting with its default."""
    default = Settings.model_fields[name].default

    assert f"| `{name.upper()}` | `{default}` |" in README.read_text(encoding="utf-8")


def test_files_are_short() -> None:
    """No file is longer than a reader can read in one sitting."""
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in sources}

    assert {} == {file: length for file, length in lengths.items() if length > MOST_LINES}


def test_packages_say_what_they_are() -> None:
    """Every package has a docstring of one line."""
    texts = [(package / "__init__.py").read_text(encoding="utf-8") for package in packages]
    docstrings = [ast.get_docstring(ast.parse(text)) or "" for text in texts]

    assert [1] * len(packages) == [len(docstring.splitlines()) for docstring in docstrings]


def test_map_shows_every_room() -> None:
    """The README's map of `app/` has a line for every package and module, and for no other."""
    modules = {f"app/{file.name}" for file in APP.glob("*.py")} - {"app/__init__.py"}
    rooms = {f"{package.relative_to(ROOT).as_posix()}/" for package in packages} - {"app/"}
    mapped = re.findall(r"^\| `(app/[^`]+)`", README.read_text(encoding="utf-8"), re.MULTILINE)

    assert modules | rooms == set(mapped)


def test_next_migration_is_numbered() -> None:
    """The README's recipe for a migration names the next free number."""
    following = f"{int(head_revision() or 0) + 1:04}"

    assert f'`revision = "{following}"`' in README.read_text(encoding="utf-8")
