"""The table of parameters: fifty for libpq 18, two more for 19."""

from __future__ import annotations

from purelink.conninfo.keywords import SECRETS, names, table


def test_eighteen_has_fifty() -> None:
    assert len(table()) == 50
    assert table() is table(18)
    assert table()[0].name == "service"
    assert table()[-1].name == "sslkeylogfile"
    assert names() == {keyword.name for keyword in table()}


def test_nineteen_has_two_more() -> None:
    assert names(19) - names(18) == {"servicefile", "oauth_ca_file"}
    assert table(19)[1].name == "servicefile"


def test_secrets_are_keywords() -> None:
    assert names() >= SECRETS
    marked = {keyword.name for keyword in table() if keyword.dispchar == "*"}
    # the SCRAM keys are secrets although libpq does not mark them so
    assert SECRETS - marked == {"scram_client_key", "scram_server_key"}
