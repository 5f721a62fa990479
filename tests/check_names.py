#!/usr/bin/env python3
"""Holds the documents to the code: tests, metrics and error codes that they name must exist, and none may be missing."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = {"e2e": "tests/e2e"}
# Names of metrics in a document; what follows them in Prometheus' text form is cut off.
METRIC = re.compile(r"`((?:audit|gateway|broker|identity|telemetry|http_server|http_client|mcp_server|rpc_client|rpc_server)(?:_[a-z0-9]+)+)(?:_bucket|_sum|_count)?[`{]")
# A test's name is a sentence; other names in backticks are shorter.
SENTENCE = re.compile(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def tests_of(folder: str) -> set[str]:
    found: set[str] = set()
    for file in (ROOT / folder).rglob("*.rs"):
        if "target" not in file.parts:
            # Tests of proptest are functions as well; clients' tests stand in the same files.
            found.update(re.findall(r"\bfn (\w+)", file.read_text(encoding="utf-8")))
    return found


def rows(page: str, columns: int) -> list[tuple[int, list[str]]]:
    """The rows of a page's tables of threats: their lines and cells."""
    found = []
    for number, line in enumerate(read(page).splitlines(), 1):
        cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
        if line.startswith("| ") and len(cells) == columns and cells[0] != "threat":
            found.append((number, cells))
    return found


def threats() -> list[str]:
    """Each threat has its tests on the page of tests, and each test there is in the crate it is said to be in."""
    page = "docs/threats.md"
    known: dict[str, set[str]] = {}
    faults, tests = [], rows(page, 2)
    for number, cells in tests:
        crate = ""
        for test, said in re.findall(r"`(\w+)`|\b(e2e|[a-z]+(?:-[a-z]+)?)(?= `)", cells[1]):
            if said:
                crate = said
                continue
            if crate not in known:
                known[crate] = tests_of(FOLDERS.get(crate, f"crates/{crate}"))
            if test not in known[crate]:
                faults.append(f"{page}:{number}: {crate} has no test `{test}`")
    said = [cells[0] for _, cells in rows("SECURITY.md", 2)]
    shown = [cells[0] for _, cells in tests]
    faults += [f"{page} has no row for the threat: {threat}" for threat in said if threat not in shown]
    faults += [f"SECURITY.md has no row for the threat: {threat}" for threat in shown if threat not in said]
    if len(said) < 40:
        faults.append(f"SECURITY.md: only {len(said)} rows were understood: its tables have changed their form")
    return faults


def sentences(metrics: set[str]) -> list[str]:
    """Each test that the architecture and the decisions name exists."""
    known = tests_of("crates") | tests_of("tests")
    files = [ROOT / "docs/architecture.md", *sorted((ROOT / "docs/adr").glob("*.md"))]
    return [
        f"{file.relative_to(ROOT)}: there is no test `{name}`"
        for file in files
        for name in SENTENCE.findall(file.read_text(encoding="utf-8"))
        if name not in known and name not in metrics
    ]


def metrics_in_code() -> set[str]:
    """The metrics of telemetry's names, as Prometheus writes them: kind and unit stand in their doc comments."""
    text = read("crates/telemetry/src/names.rs")
    found = set()
    for section in re.findall(r"// === Metrics.*?(?=// === |\Z)", text, re.S):
        for comment, name in re.findall(r"((?:^///.*\n)+)pub const \w+: &str =\s*\"([^\"]+)\"", section, re.M):
            prometheus = name.replace(".", "_")
            if ", seconds:" in comment:
                prometheus += "_seconds"
            if ", bytes:" in comment:
                prometheus += "_bytes"
            if comment.startswith("/// Counter"):
                prometheus += "_total"
            found.add(prometheus)
    return found


def codes_on_page() -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", read("docs/refusals.md")))


def metrics(in_code: set[str]) -> list[str]:
    """Each metric is in the pages for operators, and each one there exists."""
    pages = ["docs/operations.md", "docs/shared-cache.md", "docs/preflight.md", "docs/runbooks.md", "docs/troubleshooting.md", "deploy/README.md"]
    said = {page: set(METRIC.findall(read(page))) for page in pages}
    faults = [f"{page}: there is no metric `{name}`" for page in pages for name in sorted(said[page] - in_code - codes_on_page())]
    if len(in_code) < 25:
        faults.append(f"telemetry's names: only {len(in_code)} metrics were understood")
    everywhere = set().union(*said.values())
    return faults + [f"no page for operators lists the metric `{name}`" for name in sorted(in_code - everywhere)]


def codes() -> list[str]:
    """Each error code of a tool is in docs/refusals.md. Those of refusals are held to it by a test of the gateway."""
    page = codes_on_page()
    code = read("crates/cost/src/error.rs")
    found = set(re.findall(r'=> "([a-z_]+)",', code[code.index("const fn code") :]))
    for file in (ROOT / "crates/gateway/src/mcp").rglob("*.rs"):
        found.update(re.findall(r'(?:ToolError|Self)::new\(\s*"([a-z_]+)"', file.read_text(encoding="utf-8")))
    faults = [f"docs/refusals.md does not list the code `{name}`" for name in sorted(found - page)]
    if len(found) < 20:
        faults.append(f"only {len(found)} codes of tools were understood")
    return faults


def tools() -> list[str]:
    """Each tool is on the front page, on that for people who ask, and has a question with its answer."""
    found = re.findall(r"^\[tools\.(\w+)\]", read("crates/gateway/src/policy/default.toml"), re.M)
    pages = ["README.md", "docs/use.md", "docs/tools.md"]
    faults = [f"{page} does not say what `{tool}` is for" for page in pages for tool in found if f"`{tool}`" not in read(page)]
    if len(found) < 10:
        faults.append(f"only {len(found)} tools were understood")
    return faults


def main() -> int:
    in_code = metrics_in_code()
    faults = threats() + sentences(in_code) + metrics(in_code) + codes() + tools()
    print("\n".join(faults) or f"names: tests, {len(in_code)} metrics, all codes and tools are as the documents say")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
