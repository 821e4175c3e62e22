"""Pages of the guide as a person follows them: their commands, Python and specs run in order, in one folder.

    python tests/pages.py            runs every page as it is written, and rewrites what it shows of the output
    python tests/pages.py start data the same of some pages; with --quick the pages before them are cut short

A mark is a comment of one line. Those before a block speak of the block, those at the top of the page:

    <!-- after: start -->          the page goes on in the folder of another one, which has run before
    <!-- given: photos -->         what a reader has, and no page makes: a name of GIVEN
    <!-- quick: --steps 2 -->      what the quick tests add to each command of ours in the block, so that it is short;
                                   `sample -n 1; score --limit 2` says it of some commands
    <!-- long: why -->             the block runs with `--long` alone
    <!-- parsed: why -->           the block is not run: its commands are parsed
    <!-- serves: what -->          its command goes on until it is ended: it tells an address, which is looked at
    <!-- whole: why -->            the output of the block is held to what stands there with `--long` alone
    <!-- exit: 1 -->               the exit code of the last command; 0 without it
    <!-- picture: a.svg | what it shows | render pixelcnn --field -->    a picture of the site, by a command of ours

A block of `text` directly behind one of `sh` or `python` is its output. A line of it that is `…` stands for any lines,
and `…` inside a line for any text. A number is held to what was printed to within a twentieth, seconds to nothing;
once a chain of pages was cut short by `quick`, numbers may be any.
A block with a title, ```yaml title="mine.yaml"```, is a file.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from arspec.cli.main import COMMANDS, command, main  # noqa: E402
from arspec.guide import TOPICS  # noqa: E402
from arspec.layers import ALL, KINDS  # noqa: E402
from tests.given import GIVEN, SETS  # noqa: E402

FOLDER = ROOT / "arspec" / "guide"
MARK = re.compile(r"^<!-- (after|given|quick|long|parsed|serves|whole|exit|picture): (.*?) -->$")
FENCE = re.compile(r"^(\s*)```(\w*)(?: title=\"(.+?)\")?$")
ELSEWHERE = ("python", "torchrun", "cat", "ls", "cmp", "head", "mkdir", "grep")  # programs that a page may call
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\S*")
SECONDS = re.compile(r"\d[\d,.]*(?= s\b| ms\b| seconds| minutes| \w+/s\b)")  # and whatever is counted by the second
NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass
class Block:
    """A fenced block of a page: its language, its text, its marks, and the line of its fence, from 0."""

    language: str
    text: str
    line: int
    title: str | None = None
    marks: dict[str, str] = field(default_factory=dict)
    output: Block | None = None
    behind: int = 0  # the line after it


def written(topic: str) -> str:
    """The page as it is written, with its marks."""
    return (FOLDER / f"{topic}.md").read_text("utf-8")


def blocks_of(text: str) -> tuple[dict[str, str], list[Block]]:
    """The marks of the whole page, and its blocks in order."""
    whole: dict[str, str] = {}
    marks: dict[str, str] = {}
    found: list[Block] = []
    lines, at, close = text.splitlines(), 0, True
    while at < len(lines):
        line = lines[at]
        mark, fence = MARK.match(line), FENCE.match(line)
        if mark:
            (whole if mark[1] in ("after", "given") else marks)[mark[1]] = mark[2]
        elif fence:
            end = next(k for k in range(at + 1, len(lines)) if lines[k].strip() == "```")
            body = "".join(f"{each.removeprefix(fence[1])}\n" for each in lines[at + 1 : end])
            block = Block(fence[2], body, at, fence[3], marks, behind=end + 1)
            before = found[-1] if found and close else None
            if fence[2] == "text" and before is not None and before.language in ("sh", "python") and not before.title:
                before.output = block
            found.append(block)
            marks, at, close = {}, end, True
        elif line.strip() and not line.startswith("<!--"):
            marks, close = {}, False
        at += 1
    return whole, found


def root_of(topic: str) -> str:
    """The first page of the chain that a page belongs to."""
    whole, _ = blocks_of(written(topic))
    return root_of(whole["after"]) if "after" in whole else topic


def chains() -> dict[str, list[str]]:
    """The pages that share a folder, by the first of each, in the order in which they are read."""
    found: dict[str, list[str]] = {}
    for topic in TOPICS:
        found.setdefault(root_of(topic), []).append(topic)
    return found


def commands_of(text: str) -> list[list[str]]:
    """The words of every arspec command in the blocks of a page."""
    shells = [block.text for block in blocks_of(text)[1] if block.language == "sh"]
    return [until(words)[1:] for shell in shells for words in lines_of(shell) if words[0] == "arspec"]


def shorter(mark: str) -> dict[str, list[str]]:
    """What a mark `quick` adds to each command, by its name; to all others by no name."""
    added: dict[str, list[str]] = {}
    for part in mark.split(";"):
        words = shlex.split(part)
        if words and words[0] in COMMANDS:
            added[words[0]] = words[1:]
        elif words:
            added[""] = words
    return added


def until(words: list[str]) -> list[str]:
    """The words of a command up to where its output goes."""
    return words[: next((k for k, word in enumerate(words) if word in (">", ">>")), len(words))]


def lines_of(shell: str) -> list[list[str]]:
    """The words of each command of a block."""
    lines = shell.replace("\\\n", " ").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


class Reader:
    """Follows pages in a folder. `long`: as they are written, with nothing cut or left out."""

    def __init__(self, folder: Path, long: bool = False) -> None:
        self.folder, self.long, self.cut = folder, long, False
        self.names: dict[str, Any] = {}

    def follow(
        self,
        topic: str,
        told: Callable[[Block, str], None] | None = None,
        then: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        """Runs a page, and holds its output to what stands in it; where `told` is given, that is called instead.

        then: called at the end with the names of the page's Python, while what it imported and registered is there."""
        whole, blocks = blocks_of(written(topic))
        for name in whole.get("given", "").split():
            GIVEN[name](self.folder)
        self.names = {"__name__": "page"}
        with chdir(self.folder), importing(self.folder), fetched(self.folder):
            for block in blocks:
                try:
                    printed = self._run(block)
                except Exception as error:
                    error.add_note(f"in arspec/guide/{topic}.md, the block of line {block.line + 1}")
                    raise
                if printed is None or block.output is None or ("whole" in block.marks and not self.long):
                    continue
                if told is not None:
                    told(block.output, printed)
                    continue
                wanted = block.output.text
                line = block.output.line + 1
                message = f"arspec/guide/{topic}.md, line {line}, shows\n{wanted}\nand this was printed:\n{printed}"
                short = "quick" in block.marks and not self.long  # it prints less than the page shows
                assert within(printed, wanted) if short else alike(wanted, printed, self.cut), message
            then(self.names)

    def _run(self, block: Block) -> str | None:
        """What a block prints; None where it was not run."""
        if block.title is not None:
            path = Path(block.title)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
            return None
        if block.language not in ("sh", "python") or "parsed" in block.marks:
            return None
        if "long" in block.marks and not self.long:
            return None
        if "serves" in block.marks:
            return self._served(block)
        if block.language == "sh":
            return self._shell(block)
        with printing() as printed:
            exec(compile(block.text, "page", "exec"), self.names)
        return printed()

    def _shell(self, block: Block) -> str:
        printed, code, more = "", 0, {} if self.long else shorter(block.marks.get("quick", ""))
        self.cut |= bool(more)
        for words in lines_of(block.text):
            assert code == 0, f"{printed}\nthe command before `{shlex.join(words)}` gave {code}"
            run = until(words)
            target = words[len(run) :]
            code, out = self._call([*run, *more.get(run[1], more.get("", []))] if run[0] == "arspec" else run)
            if target:
                with Path(target[1]).open("a" if target[0] == ">>" else "w", encoding="utf-8") as file:
                    file.write(out)
            else:
                printed += out
        wanted = int(block.marks.get("exit", "0"))
        assert code == wanted, f"{printed}\n`{block.text}` gave {code}, not {wanted}"
        return printed.replace(str(ROOT), "…").replace(str(self.folder), "…")

    def _served(self, block: Block) -> None:
        """Starts the command of a block, asks for what it serves, and ends it."""
        ((_, *arguments),) = lines_of(block.text)
        own = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen([sys.executable, "-m", "arspec", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=own) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                told: list[str] = []
                for line in process.stdout:
                    told.append(line)
                    if ADDRESS.search(line):
                        break
                address = ADDRESS.search(told[-1]) if told else None
                assert address is not None, f"`{block.text}` has told no address:\n{''.join(told)}"
                with urllib.request.urlopen(address[0], timeout=60) as reply:
                    assert reply.status == 200 and reply.read()
            finally:
                process.terminate()

    def _call(self, words: list[str]) -> tuple[int, str]:
        program, *arguments = words
        if program == "arspec":
            with printing() as printed:
                code = main(arguments)
            return code, printed()
        if program == "python" and arguments[0].endswith(".py"):
            with printing() as printed:
                sys.argv = arguments
                runpy.run_path(arguments[0], run_name="__main__")
            return 0, printed()
        if program == "cd":
            os.chdir(arguments[0])
            return 0, ""
        assert program in ELSEWHERE, f"`{program}` is not among what a page may call: {ELSEWHERE}"
        run = [sys.executable, *arguments] if program == "python" else words
        done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        return done.returncode, done.stdout + done.stderr


@contextmanager
def fetched(folder: Path) -> Iterator[None]:
    """Inside, the sets that `sets` of GIVEN has put into the folder are those that were fetched."""
    kept, before = folder / SETS, os.environ.get("ARSPEC_DATA")
    if kept.exists():
        os.environ["ARSPEC_DATA"] = str(kept)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("ARSPEC_DATA", None)
        else:
            os.environ["ARSPEC_DATA"] = before


@contextmanager
def importing(folder: Path) -> Iterator[None]:
    """Modules of a folder can be imported inside, and kinds be registered; afterwards all is as before."""
    kinds, named = list(ALL), dict(KINDS)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if str(folder) in str(getattr(module, "__file__", None)):
                del sys.modules[name]
        ALL[:] = kinds
        KINDS.clear()
        KINDS.update(named)


class printing:
    """What is printed inside, on both streams, as one text."""

    def __enter__(self) -> Callable[[], str]:
        self._bytes = io.BytesIO()
        self._text = io.TextIOWrapper(self._bytes, "utf-8", write_through=True)
        self._streams = redirect_stdout(self._text), redirect_stderr(self._text)
        for stream in self._streams:
            stream.__enter__()
        return lambda: self._bytes.getvalue().decode("utf-8").replace("\r\n", "\n")

    def __exit__(self, *told: Any) -> None:
        for stream in reversed(self._streams):
            stream.__exit__(*told)


def alike(wanted: str, printed: str, loose: bool) -> bool:
    """Whether a text shows what was printed. `loose`: whatever its numbers are."""
    ours, theirs = [[line.rstrip() for line in text.strip().splitlines()] for text in (wanted, printed)]
    return _lines(ours, theirs, loose)


def within(printed: str, wanted: str) -> bool:
    """Whether each line that was printed stands in a text, whatever its numbers are."""
    lines = wanted.strip().splitlines()
    return "…" in lines or all(any(_line(ours, line.rstrip(), True) for ours in lines) for line in printed.splitlines())


def _lines(ours: list[str], theirs: list[str], loose: bool) -> bool:
    if not ours:
        return not theirs
    if ours[0].strip() == "…":
        return any(_lines(ours[1:], theirs[k:], loose) for k in range(len(theirs) + 1))
    return bool(theirs) and _line(ours[0], theirs[0], loose) and _lines(ours[1:], theirs[1:], loose)


def _line(ours: str, theirs: str, loose: bool) -> bool:
    ours, theirs = (SECONDS.sub("…", line) for line in (ours, theirs))
    pattern, numbers, at = "", [], 0
    for found in re.finditer(rf"…|{NUMBER.pattern}", ours):
        pattern += re.escape(ours[at : found.start()])
        if found[0] == "…":
            pattern += ".*?"
        else:
            pattern += f"({NUMBER.pattern})"
            numbers.append(found[0])
        at = found.end()
    match = re.fullmatch(re.sub(r"(\\ )+", r"\\s+", pattern + re.escape(ours[at:])), theirs)
    return match is not None and (loose or all(map(_near, numbers, match.groups())))


def _near(ours: str, theirs: str) -> bool:
    a, b = (float(number.replace(",", "").replace("−", "-")) for number in (ours, theirs))
    whole = "." not in ours and "e" not in ours
    return a == b if whole else abs(a - b) <= 0.02 + 0.05 * max(abs(a), abs(b))


def understood(text: str) -> None:
    """Holds every arspec command of a page to be one that is understood."""
    for first, *arguments in commands_of(text):
        assert first in COMMANDS, first
        command(first)[1].read(arguments)


def rewritten(topic: str, reader: Reader) -> Iterator[str]:
    """Follows a page as it is written; the page with its outputs, and what was printed where that is something else."""
    shown: list[tuple[Block, str]] = []
    reader.follow(topic, lambda block, printed: shown.append((block, printed)))
    lines = written(topic).splitlines(keepends=True)
    for block, printed in reversed(shown):
        if not alike(block.text, printed, False):
            yield f"{topic}, line {block.line + 1}:\n{printed}"
            lines[block.line + 1 : block.behind - 1] = [f"{line.rstrip()}\n" for line in printed.strip().splitlines()]
    (FOLDER / f"{topic}.md").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    import tempfile

    import torch

    from arspec import progress

    progress.FIRST = progress.EVERY = progress.APPEARS = 1e6
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    asked = {topic for topic in sys.argv[1:] if topic in TOPICS} or set(TOPICS)
    for pages in chains().values():
        last = max((k for k, topic in enumerate(pages) if topic in asked), default=-1)
        with tempfile.TemporaryDirectory() as place:
            reader = Reader(Path(place), long=True)
            for topic in pages[: last + 1]:
                reader.long = topic in asked or "--quick" not in sys.argv
                if topic in asked:
                    print(*rewritten(topic, reader), sep="\n")
                else:
                    reader.follow(topic, lambda *_: None)
                print(f"{topic}: followed", flush=True)
