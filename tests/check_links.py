#!/usr/bin/env python3
"""Fails if a tracked Markdown file links to a file or a heading that is not there.

Only links inside the repository: whether somebody else's page still exists must not break a build.
"""

import re
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
EXTERNAL = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def anchor(heading: str) -> str:
    """A heading's anchor, by GitHub's rule: lower case, punctuation gone, spaces to hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


@cache
def anchors(file: Path) -> frozenset[str]:
    found: dict[str, int] = {}
    names = set()
    for heading in HEADING.findall(FENCE.sub("", file.read_text(encoding="utf-8"))):
        name = anchor(heading)
        seen = found.get(name, 0)
        found[name] = seen + 1
        names.add(f"{name}-{seen}" if seen else name)
    return frozenset(names)


def broken(file: Path) -> list[str]:
    text = CODE.sub("", FENCE.sub("", file.read_text(encoding="utf-8")))
    faults = []
    for groups in LINK.findall(text):
        target = next(filter(None, groups))
        if EXTERNAL.match(target):
            continue
        path, _, fragment = unquote(target).partition("#")
        place = (ROOT / path.lstrip("/") if path.startswith("/") else file.parent / path) if path else file
        if not place.exists():
            faults.append(f"{file.relative_to(ROOT)}: no such file: {target}")
        elif fragment and place.suffix == ".md" and fragment.lower() not in anchors(place.resolve()):
            faults.append(f"{file.relative_to(ROOT)}: no such heading: {target}")
    return faults


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
    faults = [fault for file in files for fault in broken(file)]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"links: {len(files)} Markdown files, {len(faults)} broken links")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
