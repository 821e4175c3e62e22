"""The pages of the guide as the site shows them: with pictures, and links where a command prints a page."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arspec.cli.main import main as arspec
from arspec.diagnostics import CODES
from arspec.guide import PARTS, TOPICS, title

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "arspec" / "guide"
PICTURE = re.compile(r"^<!-- picture: (\S+) \| (.+?) \| render (.+?) -->$", re.MULTILINE)
COMMENT = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
SPECS = {path.stem: path for path in sorted((ROOT / "specs").glob("*.yaml"))}


def pages(drawn: Path | None) -> Iterator[tuple[str, str]]:
    """The pages by their paths. drawn: the folder of pictures; None draws none."""
    for topic in TOPICS:
        yield f"guide/{topic}.md", shown((FOLDER / f"{topic}.md").read_text("utf-8"), topic, drawn)
    yield "guide/index.md", contents()


def navigation() -> list[Any]:
    """The pages by parts."""
    return [
        "guide/index.md",
        *({part: [{short(topic): f"guide/{topic}.md"} for topic in topics]} for part, topics in PARTS.items()),
    ]


def short(topic: str) -> str:
    """The title of a page, up to its first stop, for the list at the side."""
    return re.split(r"[:,]", title(topic))[0]


def contents() -> str:
    """The page that lists the pages."""
    lines = ["# The guide", "", "`arspec guide` prints the same pages in a terminal.", ""]
    for part, topics in PARTS.items():
        lines += [f"## {part}", ""]
        lines += [f"- [{title(topic)}]({topic}.md)" for topic in topics]
        lines.append("")
    return "\n".join(lines)


def shown(text: str, topic: str, drawn: Path | None) -> str:
    """A page with its pictures, its links and no marks."""
    text = PICTURE.sub(lambda found: picture(drawn, found[1], found[2], found[3]), text)
    text = COMMENT.sub("", text)
    parts = FENCED.split(text)
    return "".join(part if k % 2 else linked(part, topic) for k, part in enumerate(parts))


def linked(text: str, topic: str) -> str:
    """A text with links in the place of `arspec guide X` and `arspec explain AR000`, and of shipped specs in tables."""

    def page(found: re.Match[str]) -> str:
        return f"[{found[0]}]({found[1]}.md)" if found[1] in TOPICS and found[1] != topic else found[0]

    def code(found: re.Match[str]) -> str:
        return f"[{found[0]}]({code_link(found[1])})" if found[1] in CODES else found[0]

    def spec(found: re.Match[str]) -> str:
        stem = found[1].replace("-", "_")
        return f"| [{found[1]}](../gallery/{stem}.md) |" if stem in SPECS and f"`{stem}`" not in found[1] else found[0]

    text = re.sub(r"(?<!\[)`arspec guide ([a-z]+)`", page, text)
    text = re.sub(r"(?<!\[)`arspec explain (AR\d+)`", code, text)
    text = text.replace("`arspec schema --reference`", "[`arspec schema --reference`](../reference/language.md)")
    text = re.sub(r"^\| ([a-z][a-z0-9-]+) \|", spec, text, flags=re.MULTILINE)
    if topic == "designs":
        text = re.sub(r"`([a-z0-9_]+)`", lambda f: f"[{f[0]}](../gallery/{f[1]}.md)" if f[1] in SPECS else f[0], text)
    return text


def code_link(code: str) -> str:
    """The place of a diagnostic on the site, seen from a page of the guide, the gallery or the reference."""
    return f"../diagnostics/{code[:3].lower()}.md#{code.lower()}"


def picture(drawn: Path | None, name: str, about: str, arguments: str) -> str:
    """A figure, drawn by `arspec render` unless it is there already."""
    if drawn is not None:
        made = hashlib.sha256(f"{name} {arguments}".encode()).hexdigest()[:8]
        target = drawn / f"{Path(name).stem}-{made}{Path(name).suffix}"
        if not target.exists() and arspec(["render", *shlex.split(arguments), "-o", str(target), "--quiet"]):
            raise SystemExit(f"`arspec render {arguments}` failed")
        name = target.name
    else:
        name = "../logo.svg"
    shown = f"![{about}](../pictures/{name})\n<figcaption>{about}</figcaption>"
    return f'<figure markdown="span" class="plate">\n{shown}\n</figure>'
