"""The table of docs/types.md tells every built-in type."""

from __future__ import annotations

import re
from pathlib import Path

from purelink.values import oids

PAGE = Path(__file__).resolve().parents[2] / "docs" / "types.md"


def test_every_built_in_type_is_in_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("## The table") : page.index("## Parameters")]
    told = set(re.findall(r"`\"?([a-z_0-9]+)(?:\(n\))?\"?`", table))
    unsaid = {
        one.name
        for one in oids.TYPES.values()
        if one.sort == "b" and one.name not in told and not one.name.startswith(("reg", "gts"))
    }
    # spelled otherwise, or of the server's own kitchen
    assert unsaid == {"bpchar", "txid_snapshot"}
