"""The documentation holds: its examples load, its commands and options exist, its links lead somewhere."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from console.main import app
from schemas.features import Features
from schemas.mapping_file import load
from schemas.settings_file import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
FEATURES = Features(team="11111111-1111-1111-1111-111111111111", local_currency="EUR")

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!\w+:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``kind`` is what stands behind its fence; ``text`` is without the indentation of the fence."""

    place: str
    kind: str
    text: str


def blocks(document: Path) -> Iterator[Block]:
    """The blocks of a document."""
    content = document.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(content):
        line = content.count("\n", 0, match.start()) + 1
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        yield Block(f"{document.relative_to(ROOT)}:{line}", match["kind"], text)


def prose(document: Path) -> str:
    """A document without its blocks."""
    return _BLOCK.sub("", document.read_text(encoding="utf-8"))


ALL_BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
MAPPINGS = [block for block in ALL_BLOCKS if block.kind == "yaml" and block.text.startswith("mappings:")]
SETTINGS = [
    block
    for block in ALL_BLOCKS
    if block.kind == "yaml" and block.text.startswith(("business_central:", "database:", "topics:"))
]


def test_every_yaml_example_is_checked() -> None:
    examples = [block for block in ALL_BLOCKS if block.kind.startswith("yaml")]
    assert {block.kind for block in examples} == {"yaml", "yaml faulty"}
    assert len(MAPPINGS) + len(SETTINGS) + sum(block.kind == "yaml faulty" for block in examples) == len(examples)


@pytest.mark.parametrize("block", MAPPINGS, ids=lambda block: block.place)
def test_an_example_of_mappings_loads_beside_the_standard_ones(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(block.text, encoding="utf-8")
    loaded = load(["standard", file], FEATURES)
    assert all(name in loaded.mappings for name in re.findall(r"^  - name: (.+)$", block.text, re.MULTILINE))


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: block.place)
def test_an_example_of_settings_loads_with_what_it_leaves_out(block: Block, tmp_path: Path) -> None:
    whole = _settings(SETTINGS[0].text, tmp_path) | _settings(block.text, tmp_path)
    file = tmp_path / "twinrow.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML().dump(whole, stream)
    assert load_settings(file, {}).mappings


def test_validate_prints_what_the_documentation_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_mappings = list(blocks(ROOT / "docs" / "mappings.md"))
    (faulty,) = [block for block in of_mappings if block.kind == "yaml faulty"]
    printed = of_mappings[of_mappings.index(faulty) + 1]
    (tmp_path / "projects.yaml").write_text(faulty.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWINROW_SETTINGS", raising=False)

    result = CliRunner().invoke(app, ["validate", "projects.yaml"])

    assert (result.exit_code, result.stdout) == (2, printed.text)


def test_every_command_of_the_readme_is_there() -> None:
    table = prose(ROOT / "README.md").partition("## Commands")[2].partition("\n## ")[0]
    rows = [line.replace(r"\|", "/").split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    commands = [path for names, _ in rows for span in _SPAN.findall(names) for path in _paths(span)]
    options = [option for _, text in rows for option in _SPAN.findall(text) if option.startswith("--")]

    known = {option for command in commands for option in _options(command)}
    assert {command[0] for command in commands} == set(get_group().commands)
    assert {*options} <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_a_document_tells_to_run_are_there_with_their_options(document: Path) -> None:
    lines = [line for block in blocks(document) for line in block.text.splitlines()]
    for told in [*_SPAN.findall(prose(document)), *lines]:
        if told.startswith("twinrow "):
            _options(told.removeprefix("twinrow ").partition("#")[0].split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    for link in _LINK.findall(prose(document)):
        path, _, heading = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name} links to {link}"
        assert not heading or heading in _anchors(target), f"{document.name} links to {link}"


def get_group() -> TyperGroup:
    """The main command."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _settings(text: str, folder: Path) -> dict[str, Any]:
    """Settings as they stand in a document: with secrets that are there, and ids that are not shortened."""
    text = text.replace("/run/secrets", str(folder)).replace("-…", "-0000-0000-0000-000000000000")
    for secret in re.findall(r"_file: ([^\s}]+)", text):
        Path(secret).write_text("secret", encoding="utf-8")
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def _paths(span: str) -> list[list[str]]:
    """``runs list/show`` → ``runs list`` and ``runs show``, as words."""
    first, *rest = span.split()
    if rest and "/" in rest[0]:
        return [[first, name, *rest[1:]] for name in rest[0].split("/")]
    return [[first, *rest]]


def _options(words: Sequence[str]) -> set[str]:
    """The options that a command takes; fails where ``words`` name a command or option that is not there."""
    command: Any = get_group()
    known = {option for param in command.params for option in param.opts}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0).rstrip(".,;")
        if word.startswith("-"):
            assert word in known, f"{' '.join(words)}: there is no option {word}"
        elif isinstance(command, TyperGroup):
            assert word in command.commands, f"{' '.join(words)}: there is no command {word}"
            command = command.commands[word]
            known |= {option for param in command.params for option in param.opts}
    return known


def _anchors(document: Path) -> set[str]:
    """What headings are linked by: lower case, without punctuation, hyphens for spaces."""
    headings = _HEADING.findall(_BLOCK.sub("", document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
