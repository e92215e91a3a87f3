"""The requirements: every installed package has one exact version, with the reason for it."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "tests/requirements.txt")
INDIRECT = "# The packages that those require"
"""The heading of the packages that those above it require."""
DIRECT_LINE = re.compile(r"[\w-]+(\[\w+\])?==[\d.]+ +# .+")
INDIRECT_LINE = re.compile(r'[\w-]+==[\w.]+( ; sys_platform [!=]= "\w+")? +# for [\w, -]+')
OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel"}


def lines_of(file: str) -> tuple[list[str], list[str]]:
    """The lines of a file: direct requirements, and the indirect ones that those bring in."""
    direct, indirect = (ROOT / file).read_text(encoding="utf-8").split(INDIRECT)
    return requirements_in(direct), requirements_in(f"# {indirect}")


def requirements_in(text: str) -> list[str]:
    """The lines that name a package."""
    return [line for line in text.splitlines() if line and not line.startswith(("#", "-r "))]


def requirement_of(line: str) -> Requirement:
    """The requirement without its reason."""
    return Requirement(line.partition("#")[0])


DIRECT = [requirement_of(line) for file in FILES for line in lines_of(file)[0]]
PINNED = {
    canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
    for file in FILES
    for part in lines_of(file)
    for requirement in map(requirement_of, part)
}


def required_by(wanted: Requirement) -> Iterator[Requirement]:
    """What an installed package requires here, with the requested extras."""
    try:
        texts = distribution(wanted.name).requires or []
    except PackageNotFoundError:  # One of the tests', in an environment for the service alone.
        return
    for requirement in map(Requirement, texts):
        extras = wanted.extras or {""}
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras
        ):
            yield requirement


@pytest.fixture(scope="module")
def brought() -> dict[str, set[str]]:
    """All that the requirements bring into this environment, each with what requires it."""
    by: defaultdict[str, set[str]] = defaultdict(set)
    seen, waiting = set(), list(DIRECT)
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        for requirement in required_by(wanted):
            by[canonicalize_name(requirement.name)].add(canonicalize_name(wanted.name))
            waiting.append(requirement)
    return dict(by)


@pytest.mark.parametrize("file", FILES)
def test_lines_are_exact_and_say_why(file: str) -> None:
    """A direct requirement gives a reason; an indirect one names what requires it."""
    direct, indirect = lines_of(file)

    assert direct
    assert [] == [line for line in direct if not DIRECT_LINE.fullmatch(line)]
    assert [] == [line for line in indirect if not INDIRECT_LINE.fullmatch(line)]


def test_what_is_brought_in_is_pinned(brought: dict[str, set[str]]) -> None:
    """No package is installed at whatever version is the newest that day."""
    assert set() == set(brought) - set(PINNED)


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_pinned_without_need(file: str, brought: dict[str, set[str]]) -> None:
    """The packages that an indirect line names do require it, on the systems of that line."""
    for line in lines_of(file)[1]:
        requirement = requirement_of(line)
        reasons = {canonicalize_name(name) for name in line.partition("# for ")[2].split(", ")}
        is_here = requirement.marker is None or requirement.marker.evaluate()
        if is_here and all(is_installed(reason) for reason in reasons):
            assert reasons <= brought.get(canonicalize_name(requirement.name), set()), line


def is_installed(name: str) -> bool:
    """Whether this environment has the package."""
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def test_what_is_installed_is_what_is_pinned() -> None:
    """At the same version; an environment of the requirements alone has no other package."""
    installed = {
        canonicalize_name(found.metadata["Name"]): found.version
        for found in distributions(path=[path for path in sys.path if Path(path) != ROOT])
    }
    unpinned = set(installed) - set(PINNED) - OF_THE_ENVIRONMENT

    assert {} == {
        name: version
        for name, version in installed.items()
        if name in PINNED and version != PINNED[name]
    }
    # A developer's own tools are allowed; the checks run without any.
    assert not os.environ.get("ONLY_REQUIREMENTS") or unpinned == set()
