"""The conventions of the repository."""

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
OPERATION = APP / "deploy" / "README.md"
CODE = APP / "README.md"
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "README.md",
    "app",
    "pytest.ini",
    "requirements.txt",
    "tests",
}
MAX_LINES = 300
MAX_README_LINES = 150
OLD_WORDS = ("anew", "patience", "whoever", "shall", "somebody", "nobody")
CONTRACT_WORDS = re.compile('nobody_else|NobodyElse|"nobody"')
"""Codes, and the user and role of this name."""
LINT_IMPORTS = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(".ci/importlinter.ini", no_cache=True, no_logo=True))
"""

sources = sorted(APP.rglob("*.py"))
GUIDES = (README, *APP.rglob("*.md"), *(ROOT / "tests").rglob("*.md"))
packages = sorted(file.parent for file in APP.rglob("__init__.py"))


def test_imports_run_downward() -> None:
    """Every package imports only from those below it; only `api` and `server` depend on HTTP."""
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
    """The README of the operation names every setting with the default that is in force."""
    default = Settings.model_fields[name].default

    assert f"| `{name.upper()}` | `{default}` |" in OPERATION.read_text(encoding="utf-8")


def test_files_are_short() -> None:
    """No file is longer than a reader can read in one sitting."""
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in sources}

    assert {} == {file: length for file, length in lengths.items() if length > MAX_LINES}


def test_packages_say_what_they_are() -> None:
    """Every package has a docstring of one line."""
    texts = [(package / "__init__.py").read_text(encoding="utf-8") for package in packages]
    docstrings = [ast.get_docstring(ast.parse(text)) or "" for text in texts]

    assert [1] * len(packages) == [len(docstring.splitlines()) for docstring in docstrings]


def test_map_shows_every_package() -> None:
    """The table in `app/README.md` has a line for every package, and no other line."""
    modules = {file.name for file in APP.glob("*.py")} - {"__init__.py"}
    folders = {f"{package.relative_to(APP).as_posix()}/" for package in packages} - {"./"}
    mapped = re.findall(r"^\| `([^`]+)`", CODE.read_text(encoding="utf-8"), re.MULTILINE)

    assert modules | folders == set(mapped)


def test_next_migration_is_numbered() -> None:
    """A migration made by the recipe in `app/README.md` takes the next free number."""
    following = f"{int(head_revision() or 0) + 1:04}"

    assert f'`revision = "{following}"`' in CODE.read_text(encoding="utf-8")


def test_readme_is_a_page() -> None:
    """The README of the project is at most 150 lines."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


def test_links_lead_somewhere() -> None:
    """Every relative link of a README is to a file."""
    dangling = [
        f"{file.relative_to(ROOT)}: {target}"
        for file in GUIDES
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]

    assert [] == dangling


@pytest.mark.parametrize("word", OLD_WORDS)
def test_old_words_stay_away(word: str) -> None:
    """No text contains these words, for which there are usual terms."""
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in (
            *sources,
            *(ROOT / "tests").rglob("*.py"),
            *GUIDES,
            ROOT / "requirements.txt",
            ROOT / "tests" / "requirements.txt",
        )
        if file != Path(__file__)
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(rf"\b{word}\b", CONTRACT_WORDS.sub("", line), re.IGNORECASE)
    ]

    assert [] == found
