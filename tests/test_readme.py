"""What the README tells a newcomer to do can be done."""

import re
import textwrap
from pathlib import Path

import pytest

from bot.settings import load

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()
MOST_BYTES = 150_000  # of a picture


def test_the_settings_of_the_five_minutes_are_settings(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)\n *```", README, re.DOTALL)
    path = tmp_path / "terminating.yaml"
    path.write_text(textwrap.dedent(block))
    for name in ("slack-app-token", "slack-bot-token"):
        (tmp_path / name).touch(0o600)

    settings = load(path)

    assert [(each.name, each.channel) for each in settings.clusters] == [("prod-eu", "C012ABCDEF")]
    assert sorted(settings.people) == ["ada", "ben"]


def test_every_make_target_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:^ *|`)make ([a-z]+)", README, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_it_links_to_is_there(page: Path) -> None:
    text = page.read_text()
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    gone = [each for each in links if "://" not in each and not (page.parent / each.partition("#")[0]).exists()]

    assert gone == []


def test_its_pictures_are_small_and_two_of_them_are_shown() -> None:
    pictures = sorted((ROOT / "docs" / "screenshots").glob("*.png"))
    shown = [each for each in pictures if each.name in README]

    assert len(shown) == 2
    assert [each.name for each in pictures if each.stat().st_size >= MOST_BYTES] == []
