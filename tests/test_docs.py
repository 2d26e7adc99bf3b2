"""The documents: they name all there is to name, and nothing that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from batch_classify.cli import app as classify_app
from batch_classify.errors import ExitCode
from batch_classify.report.table import columns
from batch_classify.row import Reason, Status
from train.cli import app as train_app

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
README, ERRORS = TEXTS["README.md"], TEXTS["docs/errors.md"]
OF_OTHERS = {"--constraint", "--force-reinstall", "--fix", "--strict"}  # options of pip, ruff and mypy
OF_OTHERS |= {
    "--files",
    "--runs",
    "--side",
    "--rows",
    "--inputs",
    "--drawn",
    "--count",
    "--picture",
    "--scans",
    "--folders",
    "--share",
    "--rounds",
    "--only",
    "--against",
}  # benchmarks
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def options_of(command: Any) -> set[str]:
    """All options of a command as the command line itself knows them, `--help` included."""
    own = {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}
    return {name for name in own if name.startswith("-")} | {"--help"}


CLASSIFY = typer.main.get_command(classify_app)
TRAIN: Any = typer.main.get_command(train_app)
COMMANDS = {
    "batch-classify": options_of(CLASSIFY),
    "batch-classify-train": options_of(TRAIN),
    **{f"batch-classify-train {name}": options_of(command) for name, command in TRAIN.commands.items()},
}
EVERY_OPTION = set[str]().union(*COMMANDS.values())


def rows(text: str) -> dict[str, str]:
    """The last cell of each row of the Markdown tables, by the first cell without its backticks."""
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    return {row[0].replace("`", "").strip(): row[-1].strip() for row in cells}


def section(text: str, heading: str) -> str:
    """What stands below a heading, down to the next of the same level."""
    level = heading.split()[0]
    match = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^{level} |^#{{1,{len(level) - 1}}} |\Z)", text, re.M | re.S
    )
    assert match, f"there is no heading {heading!r}"
    return match[1]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_lines(text: str) -> list[str]:
    """The lines of the code blocks, and the pieces of code in the text."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", rest)


@pytest.mark.parametrize(("command", "option"), [(c, o) for c in COMMANDS for o in sorted(COMMANDS[c])])
def test_every_option_is_in_the_readme(command: str, option: str) -> None:
    """Each option stands in the README, in the chapter that its command has there."""
    chapter = "## Options" if command == "batch-classify" else "## Train a model of your own"
    place = README if option in {"--help", "--version"} else section(README, chapter)
    assert f"`{option}`" in place


@pytest.mark.parametrize("name", TEXTS)
def test_no_document_names_an_option_that_does_not_exist(name: str) -> None:
    """What looks like an option is one of ours, or one of a few of other programs."""
    assert set(OPTION.findall(TEXTS[name])) <= EVERY_OPTION | OF_OTHERS


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_line_takes_its_options(name: str) -> None:
    """Where a document shows one of the commands, the options that follow are those of that command."""
    for line in code_lines(TEXTS[name]):
        command = r"batch-classify(?:-train(?: (?:fit|evaluate|export))?)?"
        called = re.search(rf"(?<![\w.-])({command})(?= |$)(.*)", line)
        if called:
            words = called[2].split("#")[0].split("||")[0].split()
            given = {word for word in words if re.match(r"--?[a-z]", word)}
            assert given <= COMMANDS[called[1]], line


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_its_cause_and_remedy(code: ExitCode) -> None:
    """Each exit code has a section with all three, and a row in the README."""
    text = section(ERRORS, f"### {code.value} {code.name}")
    assert re.findall(r"^- (\w+): \S", text, re.M)[:3] == ["Meaning", "Cause", "Remedy"]
    assert rows(section(README, "## Exit codes"))[str(code.value)]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_cause_and_remedy(reason: Reason) -> None:
    """Each reason has a section that says under which status it stands, and all three."""
    text = section(ERRORS, f"### {reason}")
    assert re.search(r"^Status `(\w+)`\.$", text, re.M)
    assert re.findall(r"^- (\w+): \S", text, re.M) == ["Meaning", "Cause", "Remedy"]


def test_errors_names_no_code_or_reason_that_does_not_exist() -> None:
    """Every section of errors.md is that of an exit code or a reason that there is."""
    known = {f"{code.value} {code.name}" for code in ExitCode} | {str(reason) for reason in Reason}
    assert set(re.findall(r"^### (.+)$", ERRORS, re.M)) == known


@pytest.mark.parametrize("column", columns(probabilities=True))
def test_every_column_is_in_the_readme(column: str) -> None:
    """Each column of predictions.csv is named where the README explains the table."""
    assert f"`{column}`" in section(README, "## The table")


@pytest.mark.parametrize("status", Status)
def test_every_status_is_in_the_readme(status: Status) -> None:
    """Each status has a row where the README explains the table."""
    assert rows(section(README, "## The table"))[str(status)]


def test_every_dependency_says_how_it_earns_its_place() -> None:
    """The two tables name exactly what pyproject.toml does, each with its line."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    groups = {
        "## To run": project["dependencies"],
        "## Extras": {*extras["parquet"], *extras["ray"]},
        "## To develop": set(extras["dev"]) - {"batch-classify[ray]"},
    }
    for heading, requirements in groups.items():
        named = rows(section(TEXTS["docs/dependencies.md"], heading))
        wanted = {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}
        assert named.keys() - {"package", "---"} == wanted
        assert all(named.values())


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link leads to a file of the project, and to a heading that is there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", TEXTS)
def test_make_knows_its_targets(name: str) -> None:
    """What a document tells one to make, the Makefile makes."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    named = {line.split()[1] for line in code_lines(TEXTS[name]) if re.match(r"make [a-z]", line)}
    assert named <= targets


def test_the_readme_begins_with_two_commands() -> None:
    """The first code block of the README is `make demo` and `make test`."""
    block = README.split("```")[1]
    assert re.findall(r"^make \w+", block, re.M) == ["make demo", "make test"]
