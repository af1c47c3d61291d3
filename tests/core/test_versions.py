"""Versions as programs print them."""

import pytest

from bot.core.versions import version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18.09.9", (18, 9, 9)),
        ("18.09.9-ce", (18, 9, 9)),
        ("18.09", (18, 9, 0)),
        ("v1.2.6", (1, 2, 6)),
        ("1.2", (1, 2, 0)),
        ("1.2-rc.1", (1, 2, 0)),
        ("1.7.24~ds1", (1, 7, 24)),
        ("20.10.5+dfsg1", (20, 10, 5)),
        ("v1.34.9+k3s1", (1, 34, 9)),
        (" 26.1.5\n", (26, 1, 5)),
        ("1.2.3 (build 4.5)", (1, 2, 3)),
        ("", None),
        ("1", None),
        ("dev", None),
        ("1.2.", None),
        ("1.2.3.4", None),
        ("vv1.2.3", None),
        ("-1.2.3", None),
        ("1.2.3456789", None),
        ("9" * 5000 + ".1.2", None),
    ],
)
def test_a_version_is_its_first_three_numbers_or_nothing(text: str, expected: tuple[int, int, int] | None) -> None:
    assert version(text) == expected


def test_versions_are_put_in_order_by_number_not_by_letter() -> None:
    printed = ["1.10.0", "1.2.6", "18.09.9", "1.6.20~ds1", "20.10.5+dfsg1", "1.6.3"]

    ordered = sorted(printed, key=lambda text: version(text) or (0, 0, 0))

    assert ordered == ["1.2.6", "1.6.3", "1.6.20~ds1", "1.10.0", "18.09.9", "20.10.5+dfsg1"]
