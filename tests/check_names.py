#!/usr/bin/env python3
"""Holds SECURITY.md to the tests: each test that its table names must exist in the crate it is said to be in."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = {"e2e": "tests/e2e"}


def tests_of(crate: str) -> set[str]:
    folder = ROOT / FOLDERS.get(crate, f"crates/{crate}")
    found: set[str] = set()
    for file in folder.rglob("*.rs"):
        if "target" not in file.parts:
            # Tests of proptest are functions as well; clients' tests stand in the same files.
            found.update(re.findall(r"\bfn (\w+)", file.read_text(encoding="utf-8")))
    return found


def main() -> int:
    known: dict[str, set[str]] = {}
    faults, rows = [], 0
    for number, line in enumerate((ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines(), 1):
        cells = line.split(" | ")
        if not line.startswith("| ") or len(cells) != 3 or cells[2].startswith("test that"):
            continue
        rows += 1
        crate = None
        for word in re.findall(r"`(\w+)`|\b(e2e|[a-z]+(?:-[a-z]+)?)(?= `)", cells[2]):
            test, said = word
            if said:
                crate = said
                continue
            if crate not in known:
                known[crate or ""] = tests_of(crate or "")
            if test not in known[crate or ""]:
                faults.append(f"SECURITY.md:{number}: {crate} has no test `{test}`")
    if rows < 20:
        faults.append(f"SECURITY.md: only {rows} rows were understood: its table has changed its form")
    print("\n".join(faults) or f"threats: {rows} rows, every test exists")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
