"""Expressions of parameters and the grammar of masks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arspec.syntax.expressions import ExpressionError, evaluate, is_expression, names
from arspec.syntax.predicates import (
    And,
    BinOp,
    Compare,
    Coordinate,
    Name,
    Not,
    Number,
    Or,
    coordinates,
    mask_names,
    parse_mask,
)
from tests.counting import counted

PARAMS: dict[str, Any] = {
    "width": 64, "layers": 5, "rate": 0.5, "small": True, "mask": "so_far", "kernel": [3, 5], "if": 7, "zero": 0,
    "none": None, "inf": float("inf"), "big": 2**60,
}  # fmt: skip

VALUES: list[tuple[str, Any]] = [
    ("$width", 64), (" $mask ", "so_far"), ("$kernel", [3, 5]), ("$small", True), ("$big", 2**60), ("$none", None),
    ("2 * $width", 128), ("$width / 2", 32), ("$width / 5", 12.8), ("$width // 5", 12), ("$width % 5", 4),
    ("2 ** $layers", 32), ("2 ** -1", 0.5), ("-$width + 1", -63), ("+$width", 64), ("$if + 1", 8), ("1e-3 * 2", 0.002),
    ("$width if $small else 8", 64), ("1 / $zero if $zero != 0 else 0", 0), ("$layers > 3 and not false", True),
    ("1 < $layers <= 5", True), ("1 < $layers < 5", False), ("$mask == $mask", True), ("$mask != $mask", False),
    ("min($width, 8, 9)", 8), ("max(1, 2.5)", 2.5), ("abs(-3)", 3), ("round(2.6)", 3), ("ceil(2.1)", 3),
    ("floor($width / 5)", 12), ("log2($width)", 6), ("log2(3)", 1.584962500721156), ("sqrt(49)", 7),
    ("sqrt(2.25)", 1.5),
    ("(1 + 2) * 3", 9), ("2 +\n 3", 5), ("True or $zero == 1", True), ("2 ** 0.5 > 1.41", True), ("$zero ** 2", 0),
    ("(-1) ** 9999", -1), ("0.5 ** 5000", 0.0), ("2 ** 53", 2**53), ("$small == true", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_values(text: str, expected: Any) -> None:
    value = evaluate(text, PARAMS)
    assert value == expected
    assert type(value) is type(expected)


FAULTS: list[tuple[str, str, int]] = [
    ("2 *", "AR301", 2), ("", "AR301", 0), ("2 $width", "AR301", 0), ("$a$b", "AR301", 2), ("2$width", "AR301", 1),
    ("(1", "AR301", 0), ("1)", "AR301", 1), ("1) + (2", "AR301", 1), ("$", "AR301", 0), ("$1", "AR301", 0),
    ("$width ^ 2", "AR301", 7), ("$width[0]", "AR301", 6), ("'a' + 1", "AR301", 0), ("${width}", "AR301", 0),
    ("a = 1", "AR301", 2), ("lambda: 1", "AR301", 6), ("1_000 + 1", "AR301", 1), ("é + 1", "AR301", 0),
    ("010 + 1", "AR301", 0),
    ("x := 1", "AR301", 2), ("1 if 2", "AR301", 0), ("0x10 + 1", "AR301", 1),
    ("$width.real", "AR302", 0), ("1, 2", "AR302", 0), ("eval(1)", "AR302", 0), ("$width(1)", "AR302", 0),
    ("min", "AR302", 0), ("1 in 2", "AR302", 5), ("1 is 1", "AR302", 5), ("...", "AR302", 0), ("None", "AR302", 0),
    ("min(*3, 4)", "AR302", 4), ("(1 for a in 2)", "AR302", 0), ("await_()", "AR302", 0), ("yield_ + 1", "AR303", 0),
    ("2 * $widht", "AR303", 4), ("2 * width", "AR303", 4), ("_width + 1", "AR303", 0), ("__import__ + 1", "AR303", 0),
    ("$nothing", "AR303", 0), ("  $nothing", "AR303", 2),
    ("1 / $zero", "AR304", 0), ("1 + 5 // $zero", "AR304", 4), ("1 % 0", "AR304", 0), ("0 ** -1", "AR304", 0),
    ("sqrt(-1)", "AR304", 0), ("log2(0)", "AR304", 0), ("(-8) ** 0.5", "AR304", 0),
    ("$mask + 1", "AR305", 0), ("2 * $kernel", "AR305", 4), ("$small + 1", "AR305", 0),
    ("1 if $layers else 2", "AR305", 5),
    ("not $layers", "AR305", 4), ("$mask < $mask", "AR305", 8), ("$mask == 1", "AR305", 9), ("1 + $none", "AR305", 4),
    ("9 ** 9 ** 9", "AR306", 0), ("2 ** 54", "AR306", 0), ("2 ** 53 + 1", "AR306", 0), ("1e999 + 1", "AR306", 0),
    ("1e300 * 1e300", "AR306", 0), ("2.0 ** 5000", "AR306", 0), ("0.5 ** -5000", "AR306", 0), ("$inf * 1", "AR306", 0),
    ("$big + 1", "AR306", 0), ("9" * 400 + " + 1", "AR306", 0),
    ("1" + " + 1" * 200, "AR307", 500), ("(" * 33 + "1" + ")" * 33, "AR307", 32), ("1" + "+1" * 200, "AR307", 0),
    ("-" * 400 + "1", "AR307", 101), ("not " * 120 + "true", "AR307", 404),
    ("max(1)", "AR308", 0), ("abs(1, 2)", "AR308", 0), ("min()", "AR308", 0), ("round(1.5, 2)", "AR308", 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "offset"), FAULTS)
def test_faults(text: str, code: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, PARAMS)
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.code == code, error
    if code not in ("AR301", "AR307") or offset > 0:
        assert error.offset == offset, error
    assert error.length >= 1
    assert "_width" not in error.message or "_width" in text


def test_faults_name_the_nearest() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("2 * $widht", PARAMS)
    assert caught.value.help == "did you mean 'width'?"
    assert caught.value.length == 6
    with pytest.raises(ExpressionError, match=r"write \$width"):
        evaluate("2 * width", PARAMS)
    with pytest.raises(ExpressionError, match="did you mean 'floor'"):
        evaluate("flor(2)", PARAMS)


def test_a_text_in_an_expression_is_told_to_be_a_parameter() -> None:
    """Nothing is proposed in its place: `$head` resembles `near` by its dollar alone."""
    with pytest.raises(ExpressionError, match="such as a mask, is a parameter of its own") as caught:
        evaluate("near if $small else so_far", {**PARAMS, "head": 3})
    assert caught.value.becomes is None
    assert evaluate("$a if $small else $b", {**PARAMS, "a": "near", "b": "so_far"}) == "near"


def test_names_of_parameters() -> None:
    assert names("$a * ($b_1 + $a) // c") == {"a", "b_1"}
    assert names("conv") == set()
    assert is_expression("2 * $a")
    assert not is_expression("2 * a")


THIS_ROW, THAT_ROW = Coordinate("this", "row"), Coordinate("that", "row")
MASKS = [
    ("earlier", Name("earlier")),
    ("rows_above or (left and not here)", Or((Name("rows_above"), And((Name("left"), Not(Name("here"))))))),
    (
        "that.row - this.row >= -2 and earlier",
        And((Compare(BinOp(THAT_ROW, "-", THIS_ROW), ">=", Number(-2)), Name("earlier"))),
    ),
    ("a or b or c and d", Or((Name("a"), Name("b"), And((Name("c"), Name("d")))))),
    (
        "0 < that.row < this.row",
        And((Compare(Number(0), "<", THAT_ROW), Compare(THAT_ROW, "<", THIS_ROW))),
    ),
    ("that.row % 2 == 0", Compare(BinOp(THAT_ROW, "%", Number(2)), "==", Number(0))),
    ("that.row > 2 * (3 + 1) // 3", Compare(THAT_ROW, ">", Number(2))),
    ("-that.row < 0", Compare(BinOp(Number(0), "-", THAT_ROW), "<", Number(0))),
    ("$m and that.row >= this.row - $reach", And((Or((Name("a"), Name("b"))), Compare(THAT_ROW, ">=",
    BinOp(THIS_ROW, "-", Number(2)))))),
    ("that.rank*this.rank != +1", Compare(BinOp(Coordinate("that", "rank"), "*", Coordinate("this", "rank")), "!=",
    Number(1))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), MASKS)
def test_masks(text: str, tree: Any) -> None:
    found = parse_mask(text, {"m": "a or b", "reach": 2})
    assert found == tree
    assert hash(found) == hash(tree)
    assert parse_mask(str(found)) == found


def test_what_a_mask_mentions() -> None:
    mask = parse_mask("not (near or left) and that.row - this.group > 0 and left")
    assert mask_names(mask) == {"near", "left"}
    assert coordinates(mask) == {THAT_ROW, Coordinate("this", "group")}


MASK_FAULTS = [
    ("earlier &&  left", "AR310", 8), ("earlier left", "AR310", 0), ("", "AR310", 0), ("(a", "AR310", 0),
    ("f(a)", "AR310", 0),
    ("a if b else c", "AR310", 0), ("a, b", "AR310", 0), ("that.row / 2 > 1", "AR310", 0),
    ("that.row ** 2 > 1", "AR310", 0),
    ("that.row in this.row", "AR310", 12),
    ("that.y < this.y", "AR312", 0), ("site.row < 1", "AR312", 0), ("this < that", "AR312", 0), ("this", "AR312", 0),
    ("that.row.real < 1", "AR312", 0), ("$m.row < 1", "AR312", 0),
    ("earlier and that.row", "AR319", 12), ("1", "AR319", 0), ("earlier == left", "AR319", 0),
    ("that.row < 1.5", "AR319", 11),
    ("true", "AR319", 0), ("that.row < true", "AR319", 11), ("that.row // this.row > 1", "AR319", 0),
    ("-earlier", "AR319", 0),
    ("$reach", "AR319", 0), ("that.row < $m", "AR319", 11), ("not that.row", "AR319", 4), ("(a < 1) < 2", "AR319", 0),
    ("that.row % 0 > 1", "AR304", 0), ("that.row < 9999999999", "AR306", 11),
    ("that.row * that.row * that.row > 1", "AR306", 0), ("$nothing and a", "AR303", 0),
    ("not " * 120 + "a", "AR314", 404), ("a or " * 200 + "a", "AR314", 500), ("(" * 40 + "a" + ")" * 40, "AR314", 32),
    ("$broken or a", "AR310", 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "offset"), MASK_FAULTS)
def test_faults_in_masks(text: str, code: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_mask(text, {"m": "left", "reach": 2, "broken": "left &"})
    assert caught.value.code == code, caught.value
    if offset > 0:
        assert caught.value.offset == offset, caught.value


PIECES = st.sampled_from(
    ["$width", "$a", "$", "1", "2.5", "1e9", "9999999", "(", ")", " ", "+", "-", "*", "**", "/", "//", "%", "<",
     "==", "!=",
     "and ", "or ", "not ", " if ", " else ", "min(", "log2(", ",", ".", "this", "that.row", "earlier", "lambda ",
     ":", "[", "]",
     "'", "\n", "\t", "#", "\\", "é", "in ", "is ", "for ", "await ", "yield ", "None", "True", "...", "@", "~",
     "\0", "print", "f''"]
)  # fmt: skip


@settings(max_examples=2500)
@given(st.lists(PIECES, max_size=20).map("".join) | st.text())
@example("((((" * 100)
@example("-" * 500)
@example("\0")
@example("1 if 1 else " * 40 + "1")
def test_any_text_is_a_value_or_an_expression_error(text: str) -> None:
    for read in (lambda: evaluate(text, PARAMS), lambda: parse_mask(text, PARAMS)):
        try:
            read()
        except ExpressionError as error:
            assert 0 <= error.offset <= len(text)
            assert str(error)


@given(
    st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(["+", "-", "*", "//", "%", "/", "<", "<=", "==", "!="])
)
def test_integers_agree_with_python(a: int, b: int, op: str) -> None:
    if b == 0 and op in ("/", "//", "%"):
        return
    expected = {
        "+": a + b, "-": a - b, "*": a * b, "<": a < b, "<=": a <= b, "==": a == b, "!=": a != b,
        **({"//": a // b, "%": a % b, "/": a / b} if b else {}),
    }[op]  # fmt: skip
    value = evaluate(f"$a {op} $b", {"a": a, "b": b})
    assert value == expected
    assert op != "/" or isinstance(value, int) == (a % b == 0)


@pytest.mark.parametrize(
    "text", ["9**9**9**9**9**9", "2**(2**50)", "(2**52)**(2**52)", "1.0001**(2**53)", "9" * 500, "(" * 500]
)
def test_bombs_are_refused_at_once(text: str) -> None:
    with counted() as work, pytest.raises(ExpressionError):
        evaluate(text, {})
    assert work.calls < 10_000
    assert work.bytes < 1 << 20  # 9 ** 9 ** 9 alone would be 150 MB
