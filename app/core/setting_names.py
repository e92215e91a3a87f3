"""Finds names that look like settings but are not, so that a default would apply silently."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import parse_stream

_SIMILAR = 0.6
_NEARLY_EQUAL = 0.85
"""For environment variables, most of which belong to other programs."""


def doubtful_names(
    env_file: Path, environment: Mapping[str, str], known: Collection[str]
) -> Iterator[str]:
    """A sentence for each name that was probably meant as a setting; never a value.

    Args:
        env_file: the settings file in UTF-8, which need not exist.
        environment: the environment variables of the process.
        known: the names of all settings, in capitals.

    """
    if env_file.is_file():
        yield from _doubtful_lines(env_file, known)
    for name in environment:
        if name.upper() not in known:
            for nearest in _nearest(name, known, _NEARLY_EQUAL):
                yield f"The environment variable {name} is not a setting. {_question(nearest)}"


def _doubtful_lines(env_file: Path, known: Collection[str]) -> Iterator[str]:
    with env_file.open(encoding="utf-8-sig") as lines:
        for binding in parse_stream(lines):
            if binding.error or (binding.key is not None and binding.value is None):
                line = f"Line {binding.original.line} of `{env_file.name}`"
                yield f"{line} is not of the form NAME=value and is ignored."
            elif binding.key is not None and binding.key.upper() not in known:
                questions = [_question(name) for name in _nearest(binding.key, known, _SIMILAR)]
                sentence = f"`{env_file.name}` sets {binding.key}, which is not a setting."
                yield " ".join([sentence, *questions])


def _nearest(name: str, known: Collection[str], similarity: float) -> list[str]:
    return get_close_matches(name.upper(), known, n=1, cutoff=similarity)


def _question(name: str) -> str:
    return f"Did you mean {name}?"
