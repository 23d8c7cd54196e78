"""The documentation against the house: what it names is there, and what is made from code is current."""

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ledger.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def writer() -> dict[str, object]:
    return runpy.run_path(str(ROOT / "scripts" / "write_settings.py"))


def test_the_table_of_settings_is_that_of_the_code(writer) -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    assert writer["with_table"](page) == page, "run `make docs`"


def test_every_setting_says_what_it_means(writer) -> None:
    said = writer["_docstrings"](Settings)
    assert {name for name in Settings.model_fields if not said[name]} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", prose)
    inside = [link for link in links if not link.startswith("https://")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= TARGETS


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 40
    assert words == sorted(set(words), key=str.lower)


def test_decisions_are_numbered_without_gaps_and_each_says_why_what_and_what_follows() -> None:
    pages = sorted((ROOT / "docs" / "decisions").iterdir())
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Why", "Decision", "What follows"]
        assert len(text.splitlines()) < 50


def test_the_picture_of_the_architecture_is_drawn_well() -> None:
    picture = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
    text = " ".join(picture.itertext())
    assert all(part in text for part in ("api", "worker", "limbeck", "ledger", "distill"))


def test_make_without_a_target_names_every_target() -> None:
    described = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(described) == TARGETS
