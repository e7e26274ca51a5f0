"""libpq's own table of URIs (`src/interfaces/libpq/t/001_uri.pl`), run through `conninfo.parse`.

The file is PostgreSQL's: it is read where it lies and never copied here. Each case is printed as
libpq's test program prints it, and compared; a case of an older release that 18 answers otherwise
on purpose (blanks round a piece) is told apart with the help of a real libpq 18, if there is one.

    python -m fuzz.libpq_uri_table PATH
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple, Optional, Union

from fuzz.libpq import Libpq, NoLibpq, find
from purelink.conninfo import ConninfoError, parse
from purelink.conninfo.keywords import table

_PROGRAM = "libpq_uri_regress: "


class Case(NamedTuple):
    """A URI, what the program prints, what it complains."""

    uri: str
    output: str
    complaint: str


def cases(path: Path) -> list[Case]:
    """Return the cases of the table."""
    source = path.read_text(encoding="utf-8")
    source = source[source.index("@tests = (") : source.index("sub test_uri")]
    triple = re.compile(r"\[\s*" + r",\s*".join([r"qq?\{([^{}]*)\}"] * 3) + r",?\s*\]")
    found = [Case(*match.groups()) for match in triple.finditer(source)]
    assert len(found) == len(re.findall(r"^\t\[", source, re.MULTILINE)), "a case was not read"
    return found


def told(answer: Union[dict[str, str], str]) -> tuple[str, str]:
    """Return the program's output and complaint for settings, or for an error's text."""
    if isinstance(answer, str):
        return "", _PROGRAM + answer
    words = [
        f"{keyword.name}='{answer[keyword.name]}' "
        for keyword in table()
        if keyword.name in answer and answer[keyword.name] != keyword.default
    ]
    host = answer.get("host", "")
    remote = bool(answer.get("hostaddr")) or (host != "" and not host.startswith("/"))
    return "".join(words) + ("(inet)" if remote else "(local)"), ""


def ours(uri: str) -> Union[dict[str, str], str]:
    """Return purelink's settings, or its error's text."""
    try:
        return parse(uri)
    except ConninfoError as error:
        return str(error)


def theirs(libpq: Libpq, uri: str) -> Union[dict[str, str], str]:
    """Return libpq's settings, or its error's text."""
    answer = libpq.parse(uri.encode())
    if isinstance(answer, bytes):
        return answer.decode()
    return {keyword: value.decode() for keyword, value in answer.items()}


def main(arguments: Optional[list[str]] = None) -> int:
    """Run the table; 1 if a case differs and no libpq 18 sides with us."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="001_uri.pl of a PostgreSQL source tree")
    options = parser.parse_args(arguments)
    try:
        libpq: Optional[Libpq] = find()
    except NoLibpq as error:
        print(error)
        libpq = None
    wrong = moved = 0
    found = cases(options.path)
    for case in found:
        answer = ours(case.uri)
        if told(answer) == (case.output, case.complaint):
            continue
        if libpq is not None and theirs(libpq, case.uri) == answer:
            moved += 1
            print(f"answered otherwise by libpq 18, and by us: {case.uri!r}")
            print(f"  the table: {case.output or case.complaint}")
            print(f"  18 and we: {' '.join(told(answer)).strip()}")
            continue
        wrong += 1
        print(f"WRONG {case.uri!r}: {told(answer)}, the table: {case[1:]}")
    if libpq is not None:
        print(f"libpq 18 is {libpq.build}")
    print(
        f"{len(found)} cases: {len(found) - wrong - moved} as in the table, "
        f"{moved} as libpq 18, {wrong} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
