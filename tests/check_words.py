#!/usr/bin/env python3
"""Holds the pages to their readers: short sentences where everybody reads, and a first line that says for whom each page is."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOST_WORDS = 30
# Read by people who came for something else; of SECURITY.md the part before the second heading of its kind.
PLAIN = ["README.md", "docs/use.md", "docs/real-tenant.md", "SECURITY.md"]
HEAD = re.compile(r"For \S.* · you need \S.* · \d+ min")
# The front page says it for all the others.
HEADLESS = {"README.md"}

FENCE = re.compile(r"^(```|~~~).*?^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
TAG = re.compile(r"<[^>]*>")
# A colon or a semicolon ends no sentence.
END = re.compile(r"(?<=[.!?])[\"*_)]*\s+(?=[\"*_`(\[]*[A-Z0-9])")


def first_screen(page: str, text: str) -> str:
    if page != "SECURITY.md":
        return text
    return "".join(re.split(r"(?m)^(?=## )", text)[:2])


def pieces(text: str) -> list[tuple[int, str]]:
    """Paragraphs, items of lists and cells of tables, each with its first line."""
    found: list[tuple[int, str]] = []
    open_piece = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or re.fullmatch(r"[|\s:-]+", stripped):
            open_piece = False
        elif stripped.startswith("|"):
            open_piece = False
            # A bar within code is no border.
            cells = re.sub(r"`[^`]*`", lambda code: code[0].replace("|", " "), stripped).strip("|").split("|")
            found += [(number, cell.strip()) for cell in cells]
        elif re.match(r"([-*]|\d+\.) ", stripped):
            found.append((number, stripped.split(" ", 1)[1]))
            open_piece = True
        elif open_piece:
            found[-1] = (found[-1][0], f"{found[-1][1]} {stripped}")
        else:
            found.append((number, stripped))
            open_piece = True
    return found


def words(sentence: str) -> int:
    return sum(1 for word in sentence.split() if re.search(r"\w", word))


def too_long(page: str, text: str) -> list[str]:
    # What is cut out leaves its lines, so that the others keep their numbers.
    plain = FENCE.sub(lambda block: "\n" * block[0].count("\n"), first_screen(page, text))
    plain = TAG.sub(" ", LINK.sub(r"\1", plain))
    faults = []
    for number, piece in pieces(plain):
        for sentence in END.split(piece):
            if words(sentence) > MOST_WORDS:
                faults.append(f"{page}:{number}: {words(sentence)} words: {sentence}")
    return faults


def head(page: str, text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if page in HEADLESS or len(lines) > 1 and HEAD.fullmatch(lines[1]):
        return []
    return [f'{page}:3: begins with "{(lines + ["", ""])[1][:40]}", not with "For … · you need … · N min"']


def pages() -> list[str]:
    more = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "proto/README.md", "tests/clients/README.md"]
    return [f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md"))] + more


def main() -> int:
    texts = {page: (ROOT / page).read_text(encoding="utf-8") for page in pages()}
    faults = [fault for page, text in texts.items() for fault in head(page, text)]
    counted = [(page, len(pieces(FENCE.sub("", first_screen(page, texts[page]))))) for page in PLAIN]
    faults += [f"{page}: only {found} texts were understood" for page, found in counted if found < 10]
    faults += [fault for page in PLAIN for fault in too_long(page, texts[page])]
    print("\n".join(faults) or f"words: {len(texts)} pages say for whom they are, {len(PLAIN)} are in short sentences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
