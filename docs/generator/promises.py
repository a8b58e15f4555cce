"""What is promised, and the tests that keep it: every test marked `@pytest.mark.promise(number)`.

The marks are read from the source, so nothing is imported and no test can be listed that does not exist.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from docs.generator.markdown import table as rows_of

PROMISES = {
    1: "A 2xx to `POST /v1/jobs` means the job is committed and flushed. Nothing accepted is ever lost.",
    2: "Every accepted job ends in exactly one terminal state, which never changes afterwards.",
    3: "Delivery is **at least once**. Duplicates happen only after a crash, a freeze or a cut link, at most "
    "one per attempt that was in flight, or when a target answers after its deadline or drops the link; with "
    "no fault there are none. `max_attempts: 1` is at most once: a crash may then leave the job undelivered, "
    "and says so.",
    4: "Every delivery of a job carries the same `webhook-id`, method, URL and body bytes, and a rising "
    "attempt number, so a receiver can deduplicate and fence.",
    5: "An attempt that lost its lease can change nothing: not the state, the result, the limits or the "
    "schedule.",
    6: "Never early by the database's clock. Lateness is measured and published.",
    7: "Once a job reads `cancelled`, nothing starts. After a 202 `cancelling` at most the call already in a "
    "replica's hands is made, and it is aborted.",
    8: "One tenant's storm delays another tenant's job by no more than one claim round. There are never more "
    "leases than a limit allows, at any instant; a receiver sees the same, plus, during a fault, the calls "
    "still open on lost replicas.",
    9: "SIGTERM loses nothing, and duplicates nothing when the drain window covers the attempts in flight; a "
    "longer one is aborted, retried and counted as a possible duplicate.",
    10: "Our HTTP calls reach public addresses only, unless the operator allowed a range.",
    11: "Secrets never show in logs, reads, metrics, traces or database dumps.",
    12: "A newcomer sees a signed webhook arrive after one command, on a machine that has only Python and "
    "make.",
}


class Proof(msgspec.Struct, frozen=True, order=True):
    """One test that keeps a promise."""

    promise: int
    path: str
    name: str

    @property
    def sentence(self) -> str:
        """The test's name, which is a sentence."""
        return self.name.removeprefix("test_").replace("_", " ")


def proofs(root: Path) -> list[Proof]:
    """Every marked test, in order."""
    found = [proof for path in sorted((root / "tests").rglob("*.py")) for proof in _of_file(root, path)]
    return sorted(set(found))


def table(root: Path) -> str:
    """Each promise with the files whose tests keep it."""
    found = proofs(root)
    rows = []
    for number, text in PROMISES.items():
        files = sorted({proof.path for proof in found if proof.promise == number})
        links = ", ".join(f"[{_shown(path)}]({path})" for path in files)
        rows.append((str(number), text, links or "no test yet"))
    return rows_of(("", "promise", "kept by"), rows)


def tests(root: Path) -> str:
    """Each promise with the sentences that prove it."""
    found = proofs(root)
    return "\n".join(_section(number, text, found) for number, text in PROMISES.items())


def _shown(path: str) -> str:
    return Path(path).stem.removeprefix("test_").replace("_", " ")


def _section(number: int, text: str, found: list[Proof]) -> str:
    mine = [proof for proof in found if proof.promise == number]
    lines = [f"- {proof.sentence} ([{proof.path}](../{proof.path}))" for proof in mine]
    return "\n".join([f"**{number}.** {text}", "", *(lines or ["- no test yet"]), ""])


def _of_file(root: Path, path: Path) -> Iterator[Proof]:
    text = path.read_text(encoding="utf-8")
    # Few files have a mark, and to parse one takes long.
    if "promise" not in text:
        return
    tree = ast.parse(text)
    shown = path.relative_to(root).as_posix()
    whole = [number for statement in tree.body for number in _of_module(statement)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            marked = [number for each in node.decorator_list for number in _numbers(each)]
            yield from (Proof(number, shown, node.name) for number in [*whole, *marked])


def _of_module(statement: ast.stmt) -> list[int]:
    """The promises of a file whose `pytestmark` names them: all its tests keep them."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="pytestmark")], value=ast.List(elts=marks)):
            return [number for mark in marks for number in _numbers(mark)]
        case ast.Assign(targets=[ast.Name(id="pytestmark")], value=mark):
            return _numbers(mark)
    return []


def _numbers(mark: ast.expr) -> list[int]:
    match mark:
        case ast.Call(func=ast.Attribute(attr="promise"), args=arguments):
            return [number for each in arguments for number in _number(each)]
    return []


def _number(argument: ast.expr) -> list[int]:
    match argument:
        case ast.Constant(value=int(number)):
            return [number]
    return []
