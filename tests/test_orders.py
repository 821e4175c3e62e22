"""Golden ranks and masks of every scan, worked out by hand from the scans' definitions, and their properties."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.diagnostics import CODES, InputError
from arspec.language.load import from_text
from arspec.orders import order, positions
from arspec.ranks import MAX_POSITIONS, ranks_from_file
from arspec.scans import SCANS_1D, SCANS_2D
from tests.counting import counted

# scan -> tables of ranks for the grids 3x3, 4x4 and 3x5 side by side (factor 2 for interlaced and subscale); for the
# inner cells (1,1), (1,2), (2,1), (2,2) of 4x4, which of the 8 neighbours come earlier (#)
GOLDEN = {
    "raster": ("""
        0 1 2  |  0  1  2  3  |  0  1  2  3  4
        3 4 5  |  4  5  6  7  |  5  6  7  8  9
        6 7 8  |  8  9 10 11  | 10 11 12 13 14
               | 12 13 14 15  |
    """, """
        ###  ###  ###  ###
        #..  #..  #..  #..
        ...  ...  ...  ...
    """),
    "columns": ("""
        0 3 6  |  0  4  8 12  |  0  3  6  9 12
        1 4 7  |  1  5  9 13  |  1  4  7 10 13
        2 5 8  |  2  6 10 14  |  2  5  8 11 14
               |  3  7 11 15  |
    """, """
        ##.  ##.  ##.  ##.
        #..  #..  #..  #..
        #..  #..  #..  #..
    """),
    "serpentine": ("""
        0 1 2  |  0  1  2  3  |  0  1  2  3  4
        5 4 3  |  7  6  5  4  |  9  8  7  6  5
        6 7 8  |  8  9 10 11  | 10 11 12 13 14
               | 15 14 13 12  |
    """, """
        ###  ###  ###  ###
        ..#  ..#  #..  #..
        ...  ...  ...  ...
    """),
    "zigzag": ("""
        0 1 5  |  0  1  5  6  |  0  1  5  6 11
        2 4 6  |  2  4  7 12  |  2  4  7 10 12
        3 7 8  |  3  8 11 13  |  3  8  9 13 14
               |  9 10 14 15  |
    """, """
        ##.  ###  ###  ##.
        #..  #..  #..  #..
        #..  ...  ...  #..
    """),
    "diagonal": ("""
        0 1 3  |  0  1  3  6  |  0  1  3  6  9
        2 4 6  |  2  4  7 10  |  2  4  7 10 12
        5 7 8  |  5  8 11 13  |  5  8 11 13 14
               |  9 12 14 15  |
    """, """
        ###  ###  ###  ###
        #..  #..  #..  #..
        ...  ...  ...  ...
    """),
    "spiral": ("""
        0 1 2  |  0  1  2  3  |  0  1  2  3  4
        7 8 3  | 11 12 13  4  | 11 12 13 14  5
        6 5 4  | 10 15 14  5  | 10  9  8  7  6
               |  9  8  7  6  |
    """, """
        ###  ###  ###  ###
        #..  #.#  #.#  ..#
        #..  ..#  ###  ###
    """),
    "spiral_out": ("""
        8 7 6  | 15 14 13 12  | 14 13 12 11 10
        1 0 5  |  4  3  2 11  |  3  2  1  0  9
        2 3 4  |  5  0  1 10  |  4  5  6  7  8
               |  6  7  8  9  |
    """, """
        ...  ...  ...  ...
        ..#  ...  ...  #..
        .##  ##.  ...  ...
    """),
    "hilbert": ("""
        0 7 8  |  0  1 14 15  |  0  5  6 13 14
        1 6 5  |  3  2 13 12  |  1  4  7 12 11
        2 3 4  |  4  7  8 11  |  2  3  8  9 10
               |  5  6  9 10  |
    """, """
        ##.  #..  ##.  #..
        ...  #.#  #..  #..
        ...  ###  ##.  #..
    """),
    "checkerboard": ("""
        0 1 0  |  0  1  0  1  |  0  1  0  1  0
        1 0 1  |  1  0  1  0  |  1  0  1  0  1
        0 1 0  |  0  1  0  1  |  0  1  0  1  0
               |  1  0  1  0  |
    """, """
        ...  .#.  .#.  ...
        ...  #.#  #.#  ...
        ...  .#.  .#.  ...
    """),
    "interlaced": ("""
        0 1 0  |  0  1  0  1  |  0  1  0  1  0
        2 3 2  |  2  3  2  3  |  2  3  2  3  2
        0 1 0  |  0  1  0  1  |  0  1  0  1  0
               |  2  3  2  3  |
    """, """
        ###  ###  ...  ...
        #.#  ...  #.#  ...
        ###  ###  ...  ...
    """),
    "subscale": ("""
        0 4 1  |  0  4  1  5  |  0  6  1  7  2
        6 8 7  |  8 12  9 13  | 10 13 11 14 12
        2 5 3  |  2  6  3  7  |  3  8  4  9  5
               | 10 14 11 15  |
    """, """
        ###  ###  ...  ...
        #.#  ...  #.#  ...
        ###  ###  ...  ...
    """),
}  # fmt: skip
GRIDS = ((3, 3), (4, 4), (3, 5))
INNER = ((1, 1), (1, 2), (2, 1), (2, 2))


def table(text: str) -> np.ndarray:
    return np.array([[int(rank) for rank in line.split()] for line in text.splitlines() if line.strip()])


def grid_of(scan: str, grid: tuple[int, ...], **settings: object) -> np.ndarray:
    return positions(scan, grid, **settings).reshape(grid)  # type: ignore[arg-type]


def mask(rank: np.ndarray, i: int, j: int) -> str:
    earlier = rank[i - 1 : i + 2, j - 1 : j + 2] < rank[i, j]
    return "/".join("".join("#" if known else "." for known in row) for row in earlier)


def philox_4x64_10(key: int, count: int) -> list[int]:
    """Salmon et al. 2011, section 3.3 and table 2, in integers: the counters 1, 2, ... under a key."""
    out: list[int] = []
    for counter in range(1, count // 4 + 2):
        c, k0, k1 = [counter, 0, 0, 0], key, 0
        for _ in range(10):
            high0, low0 = divmod(0xD2E7470EE14C6C93 * c[0], 2**64)
            high1, low1 = divmod(0xCA5A826395121157 * c[2], 2**64)
            c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
            k0, k1 = (k0 + 0x9E3779B97F4A7C15) % 2**64, (k1 + 0xBB67AE8584CAA73B) % 2**64
        out += c
    return out[:count]


# --- golden tables --------------------------------------------------------------------------------------------------


def test_every_scan_has_golden_tables() -> None:
    assert set(GOLDEN) == set(SCANS_2D) - {"random", "explicit"}
    assert set(SCANS_1D) == {"natural", "reversed", "random", "explicit"}
    for scan in (SCANS_2D | SCANS_1D).values():
        assert scan.__doc__


@pytest.mark.parametrize("scan", GOLDEN)
def test_ranks(scan: str) -> None:
    for k, grid in enumerate(GRIDS):
        expected = table("\n".join(line.split("|")[k] for line in GOLDEN[scan][0].splitlines() if line.strip()))
        assert expected.shape == grid
        got = grid_of(scan, grid)
        assert got.dtype == np.int64
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("scan", GOLDEN)
def test_masks(scan: str) -> None:
    lines = [line.split() for line in GOLDEN[scan][1].splitlines() if line.strip()]
    rank = grid_of(scan, (4, 4))
    for k, (i, j) in enumerate(INNER):
        assert mask(rank, i, j) == "/".join(line[k] for line in lines), (i, j)


def test_zigzag_starts_as_in_jpeg() -> None:
    cells = np.argsort(positions("zigzag", (8, 8)))
    # ITU-T T.81, figure A.6, the first 16 and the last 5 of the 64 positions
    assert cells[:16].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5]
    assert cells[-5:].tolist() == [54, 47, 55, 62, 63]


def test_subscale_and_interlaced_by_three() -> None:
    np.testing.assert_array_equal(
        grid_of("subscale", (4, 5), factor=3),
        [[0, 4, 8, 1, 5], [10, 12, 14, 11, 13], [15, 17, 19, 16, 18], [2, 6, 9, 3, 7]],
    )
    np.testing.assert_array_equal(
        grid_of("interlaced", (4, 5), factor=3),
        [[0, 1, 2, 0, 1], [3, 4, 5, 3, 4], [6, 7, 8, 6, 7], [0, 1, 2, 0, 1]],
    )
    np.testing.assert_array_equal(grid_of("interlaced", (2, 3), factor=10**18), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(grid_of("subscale", (2, 3), factor=7), [[0, 1, 2], [3, 4, 5]])


def test_one_dimension() -> None:
    assert positions("natural", (4,)).tolist() == [0, 1, 2, 3]
    assert positions("reversed", (4,)).tolist() == [3, 2, 1, 0]
    assert positions("explicit", (5,), ranks=[7, 2, 2, 0, 9]).tolist() == [2, 1, 1, 0, 3]


def test_explicit_ranks_repeat_and_close_their_gaps() -> None:
    given_ranks = [[3, 3, 0], [1, 2, 9], [9, 9, 2]]
    rank = grid_of("explicit", (3, 3), ranks=given_ranks)
    np.testing.assert_array_equal(rank, [[3, 3, 0], [1, 2, 4], [4, 4, 2]])
    assert mask(rank, 1, 1) == "..#/#../..."  # the equal rank in the corner is not earlier
    flat = [rank for row in given_ranks for rank in row]
    for same in (flat, np.array(given_ranks), np.array(flat, np.uint8), tuple(map(tuple, given_ranks))):
        np.testing.assert_array_equal(grid_of("explicit", (3, 3), ranks=same), rank)
    # with a transpose the ranks belong to the transposed grid, as those of every scan do
    transposed = grid_of("explicit", (2, 3), ranks=[[0, 1], [2, 3], [4, 5]], transpose=True)
    np.testing.assert_array_equal(transposed, [[0, 2, 4], [1, 3, 5]])


def test_random_keeps_its_values() -> None:
    assert positions("random", (4, 4)).tolist() == [0, 4, 1, 9, 8, 7, 14, 15, 5, 3, 11, 2, 10, 6, 13, 12]
    assert positions("random", (16,), seed=1).tolist() == [7, 14, 2, 0, 15, 1, 12, 4, 9, 3, 5, 13, 11, 10, 6, 8]


@pytest.mark.parametrize("seed", [0, 1, 7, 2**64 - 1])
def test_random_is_philox_everywhere(seed: int) -> None:
    keys = philox_4x64_10(seed, 35)
    expected = [sorted(keys).index(key) for key in keys]
    assert positions("random", (5, 7), seed=seed).tolist() == expected
    assert positions("random", (35,), seed=seed).tolist() == expected


# --- flips and transposes -------------------------------------------------------------------------------------------


def test_flips_and_transpose_by_hand() -> None:
    np.testing.assert_array_equal(grid_of("raster", (2, 3), flip=["rows"]), [[3, 4, 5], [0, 1, 2]])
    np.testing.assert_array_equal(grid_of("raster", (2, 3), flip="columns"), [[2, 1, 0], [5, 4, 3]])
    np.testing.assert_array_equal(grid_of("raster", (2, 3), flip=["columns", "rows"]), [[5, 4, 3], [2, 1, 0]])
    np.testing.assert_array_equal(grid_of("raster", (2, 3), transpose=True), [[0, 2, 4], [1, 3, 5]])
    # first the transpose, then the flip: the other way about would give [[4, 2, 0], [5, 3, 1]]
    np.testing.assert_array_equal(grid_of("raster", (2, 3), transpose=True, flip=["rows"]), [[1, 3, 5], [0, 2, 4]])
    np.testing.assert_array_equal(grid_of("serpentine", (2, 3), transpose=True), [[0, 3, 4], [1, 2, 5]])
    # spiral, made for 3 x 2, is [[0, 1], [5, 2], [4, 3]]; transposed it goes down first, anticlockwise
    np.testing.assert_array_equal(grid_of("spiral", (2, 3), transpose=True), [[0, 5, 4], [1, 2, 3]])


def test_masks_of_flips_and_transposes() -> None:
    for settings, expected in [
        ({"flip": ["columns"]}, "###/..#/..."),
        ({"flip": ["rows"]}, ".../#../###"),
        ({"flip": ["rows", "columns"]}, ".../..#/###"),
        ({"transpose": True}, "##./#../#.."),
        ({"transpose": True, "flip": ["columns"]}, ".##/..#/..#"),
    ]:
        rank = grid_of("raster", (4, 4), **settings)
        assert {mask(rank, i, j) for i, j in INNER} == {expected}, settings


sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
made = st.sampled_from(sorted(set(SCANS_2D) - {"explicit"}))


@given(made, sizes, st.integers(0, 2**64 - 1), st.integers(1, 15))
def test_ranks_are_contiguous_and_only_the_named_scans_repeat(
    scan: str, grid: tuple[int, int], seed: int, factor: int
) -> None:
    rank = positions(scan, grid, seed=seed, factor=factor)
    assert rank.shape == (grid[0] * grid[1],)
    assert np.array_equal(np.unique(rank), np.arange(rank.max() + 1))
    if scan not in ("checkerboard", "interlaced"):
        assert sorted(rank) == list(range(len(rank)))


@given(made, sizes)
def test_reflections_and_transposes_are_involutions(scan: str, grid: tuple[int, int]) -> None:
    plain = grid_of(scan, grid)
    np.testing.assert_array_equal(grid_of(scan, grid, flip=["rows"])[::-1], plain)
    np.testing.assert_array_equal(grid_of(scan, grid, flip=["columns"])[:, ::-1], plain)
    np.testing.assert_array_equal(grid_of(scan, grid, flip=["rows", "columns"])[::-1, ::-1], plain)
    np.testing.assert_array_equal(grid_of(scan, grid[::-1], transpose=True).T, plain)
    for flip in (["rows"], ["columns"], ["rows", "columns"]):
        once = grid_of(scan, grid, flip=flip)
        np.testing.assert_array_equal(grid_of("explicit", grid, ranks=once, flip=flip), plain)


@given(sizes)
def test_relations_between_scans(grid: tuple[int, int]) -> None:
    np.testing.assert_array_equal(positions("raster", grid, transpose=True), positions("columns", grid))
    np.testing.assert_array_equal(positions("columns", grid, transpose=True), positions("raster", grid))
    np.testing.assert_array_equal(positions("spiral", grid) + positions("spiral_out", grid), grid[0] * grid[1] - 1)
    np.testing.assert_array_equal(positions("subscale", grid, factor=1), positions("raster", grid))
    if grid[0] != grid[1]:
        np.testing.assert_array_equal(positions("hilbert", grid, transpose=True), positions("hilbert", grid))


@pytest.mark.parametrize("scan", ["serpentine", "spiral", "spiral_out"])
@given(grid=sizes)
def test_paths_step_to_a_neighbour(scan: str, grid: tuple[int, int]) -> None:
    assert set(steps(scan, grid)) <= {1}


def test_hilbert_steps_and_ends() -> None:
    for height in range(1, 33):
        for width in range(1, 33):
            lengths = steps("hilbert", (height, width))
            longer, shorter = max(height, width), min(height, width)
            diagonals = int(longer % 2 == 1 and shorter % 2 == 0 and shorter >= 4)
            assert np.count_nonzero(lengths != 1) == diagonals
            assert not diagonals or lengths.max() == 2  # (1, 1): two in a straight line would pass over a cell
            rank = grid_of("hilbert", (height, width))
            assert rank[0, 0] == 0
            last = rank[0, -1] if width >= height else rank[-1, 0]
            assert (last == height * width - 1) == (not (shorter == 2 and longer % 2 == 1))


def steps(scan: str, grid: tuple[int, int]) -> np.ndarray:
    """Lengths of a path's steps: 1 to a neighbour, 2 for a diagonal step, more (as squares) for a jump."""
    cells = np.argsort(positions(scan, grid))
    return np.square(np.diff(np.stack(np.divmod(cells, grid[1])), axis=1)).sum(axis=0)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=30))
def test_explicit_ranks_are_compressed_and_keep_their_order(ranks: list[int]) -> None:
    rank = positions("explicit", (len(ranks),), ranks=ranks)
    assert set(rank) == set(range(len(set(ranks))))
    for a, b in zip(range(len(ranks)), range(1, len(ranks)), strict=False):
        assert np.sign(rank[a] - rank[b]) == (ranks[a] > ranks[b]) - (ranks[a] < ranks[b])


@pytest.mark.parametrize("scan, size, calls, numbers", [("raster", 1024, 300, 12), ("hilbert", 256, 20_000, 40)])
def test_large_grids_take_little_for_each_cell(scan: str, size: int, calls: int, numbers: int) -> None:
    """Calls in all, which are far fewer than cells, and numbers that are held at once for each cell."""
    with counted() as work:
        positions(scan, (size, size))
    assert work.calls < calls < size * size
    assert work.bytes < numbers * 8 * size * size


def test_a_long_grid_does_not_recurse() -> None:
    assert len(positions("hilbert", (1, 100_000))) == 100_000  # nothing recurses


# --- channels -------------------------------------------------------------------------------------------------------


def test_sequential_channels() -> None:
    made = order("raster", (1, 2), "sequential", 3, flip=["columns"])
    assert made.groups == 3 and made.variables == 6 and made.steps == 6 and made.positions == 2
    assert made.position_rank.tolist() == [1, 0]
    assert made.rank.tolist() == [3, 0, 4, 1, 5, 2]
    starts, sites = made.by_rank
    assert starts.tolist() == [0, 1, 2, 3, 4, 5, 6] and sites.tolist() == [1, 3, 5, 0, 2, 4]
    assert made.name == "raster, columns flipped"
    with pytest.raises(ValueError, match="read-only"):
        made.rank[0] = 9


def test_joint_channels_and_groups_of_channels() -> None:
    joint = order("checkerboard", (2, 2), "joint", 3)
    assert joint.groups == 1 and joint.variables == 4 and joint.steps == 2
    assert joint.rank.tolist() == [0, 1, 1, 0]
    assert joint.sites_at(0).tolist() == [0, 3] and joint.sites_at(1).tolist() == [1, 2]
    slices = order("natural", (2,), "sequential", 4, groups=2)
    assert slices.groups == 2 and slices.rank.tolist() == [0, 2, 1, 3]
    equal = order("explicit", (2,), "sequential", 2, ranks=[5, 5])
    assert equal.steps == 2 and equal.sites_at(1).tolist() == [2, 3]


def test_names_say_what_was_chosen() -> None:
    assert order("random", (2, 2), "joint", 1, seed=3, transpose=True).name == "random, seed 3, transposed"
    assert order("subscale", (2, 2), "joint", 1, flip="rows").name == "subscale, factor 2, rows flipped"


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scan", "grid", "settings", "message"),
    [
        ("rastr", (3, 3), {}, "no order 'rastr' of an image"),
        ("", (3,), {}, "no order '' of a sequence or vector"),
        (["raster"], (3, 3), {}, "no order"),
        ("raster", (9,), {}, "'raster' is an order of images"),
        ("natural", (3, 3), {}, "'natural' is an order of sequences and vectors"),
        ("raster", (0, 3), {}, "a grid is"),
        ("raster", (2, 3, 4), {}, "a grid is"),
        ("raster", (4096, 4097), {}, "16777216"),
        ("raster", (10**18, 10**18), {}, "16777216"),
        ("raster", (10**30, 2), {}, "a grid is"),
        ("raster", (2, 2), {"flip": ["row"]}, "flip names rows or columns, not 'row'"),
        ("raster", (2, 2), {"flip": ["rows", "columns", "columns"]}, "columns more than once"),
        ("natural", (2,), {"flip": ["rows"]}, "nothing to flip"),
        ("natural", (2,), {"transpose": True}, "nothing to transpose"),
        ("random", (2, 2), {"seed": -1}, "a seed is"),
        ("random", (2, 2), {"seed": 1.5}, "a seed is"),
        ("subscale", (2, 2), {"factor": 0}, "the factor of subscale"),
        ("raster", (2, 2), {"ranks": [0, 1, 2, 3]}, "makes its own ranks"),
        ("explicit", (2, 2), {}, "needs its ranks"),
        ("explicit", (2, 2), {"ranks": []}, "do not fit a grid of 2 x 2"),
        ("explicit", (2, 2), {"ranks": [[]]}, "do not fit a grid of 2 x 2"),
        ("explicit", (2, 2), {"ranks": [0, 1, 2]}, "3 ranks do not fit a grid of 2 x 2"),
        ("explicit", (2, 3), {"ranks": [[0, 1], [2, 3], [4, 5]]}, "do not fit a grid of 2 x 3"),
        ("explicit", (2, 2), {"ranks": [[0, 1], [2]]}, "row 1 of the ranks holds 1 ranks"),
        ("explicit", (2, 2), {"ranks": [[0, 1], 2]}, "row 1 of the ranks holds 2"),
        ("explicit", (2, 2), {"ranks": [0, 1, [2], 3]}, "entry 2"),
        ("explicit", (2, 2), {"ranks": [[0, 1], [2, -3]]}, r"not -3 \(row 1, column 1\)"),
        ("explicit", (2, 2), {"ranks": [0, 1.0, 2, 3]}, r"not 1.0 \(entry 1\)"),
        ("explicit", (2, 2), {"ranks": [0, True, 2, 3]}, "not True"),
        ("explicit", (2, 2), {"ranks": [0, 1, 2, 10**40]}, "not 1000"),
        ("explicit", (2, 2), {"ranks": np.array([0.0, 1, 2, 3])}, "must be integers, not float64"),
        ("explicit", (2, 2), {"ranks": np.array([0, 1, 2, -3])}, "not -3"),
        ("explicit", (2, 2), {"ranks": np.array([0, 1, 2, 2**63], np.uint64)}, "not 9223372036854775808"),
        ("explicit", (2, 3), {"ranks": np.zeros((3, 2), int)}, "3 x 2 ranks do not fit a grid of 2 x 3"),
        ("explicit", (2, 2), {"ranks": "0123"}, "a list of integers, not str"),
    ],
)
def test_refused(scan: str, grid: tuple[int, ...], settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        positions(scan, grid, **settings)  # type: ignore[arg-type]


def test_unknown_scans_name_the_nearest() -> None:
    for wrong, meant in (("rastr", "raster"), ("zig-zag", "zigzag"), ("gilbert", "hilbert"), ("snake", "raster")):
        with pytest.raises(InputError) as refused:
            positions(wrong, (3, 3))
        assert meant in str(refused.value.help)


def test_refusals_have_known_codes(tmp_path: Path) -> None:
    def code(scan: str, grid: tuple[int, ...], **settings: object) -> str:
        with pytest.raises(InputError) as refused:
            positions(scan, grid, **settings)  # type: ignore[arg-type]
        assert refused.value.code in CODES
        return refused.value.code

    assert code("rastr", (3, 3)) == "AR501"
    assert code("explicit", (2,), ranks=[0, -1]) == "AR502"
    assert code("explicit", (2,), ranks=[0]) == "AR503"
    assert code("raster", (2**12, 2**13)) == "AR505"
    assert code("natural", (3,), transpose=True) == "AR506"
    assert code("raster", (3,)) == "AR507"
    assert code("subscale", (3, 3), factor=0) == "AR808"
    with pytest.raises(InputError) as refused:
        ranks_from_file(tmp_path / "ranks.pkl", (3,))
    assert refused.value.code == "AR504"
    with pytest.raises(InputError) as refused:
        order("raster", (3, 3), "parallel", 3)  # type: ignore[arg-type]
    assert refused.value.code == "AR808"


def test_the_limit_itself_is_allowed() -> None:
    assert len(positions("natural", (MAX_POSITIONS,))) == MAX_POSITIONS


@pytest.mark.parametrize(
    ("channels", "count", "groups"),
    [
        ("parallel", 3, None),
        ("sequential", 0, None),
        ("sequential", 3, 2),
        ("joint", 3, 3),
        ("sequential", 10**12, None),
    ],
)
def test_refused_channels(channels: str, count: int, groups: int | None) -> None:
    with pytest.raises(InputError):
        order("raster", (2, 2), channels, count, groups=groups)  # type: ignore[arg-type]


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["0 1 2\n5 4 3\n", "0,1,2\r\n5,4,3", "\ufeff0, 1, 2\n\n5, 4, 3\n", "0 1 2 5 4 3", "0\n1\n2\n5\n4\n3\n"]
)
def test_text_files(tmp_path: Path, text: str) -> None:
    for suffix in (".txt", ".csv"):
        path = tmp_path / f"ranks{suffix}"
        path.write_bytes(text.encode())
        np.testing.assert_array_equal(ranks_from_file(path, (2, 3)), [[0, 1, 2], [5, 4, 3]])
        np.testing.assert_array_equal(ranks_from_file(str(path), (6,)), [0, 1, 2, 5, 4, 3])


@pytest.mark.parametrize("dtype", ["uint8", "<i4", ">i8"])
def test_npy_files(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "ranks.npy"
    for array in (np.array([[0, 1, 2], [5, 4, 3]], dtype), np.array([0, 1, 2, 5, 4, 3], dtype)):
        np.save(path, array)
        rank = ranks_from_file(path, (2, 3))
        assert rank.dtype == np.int64
        np.testing.assert_array_equal(rank, [[0, 1, 2], [5, 4, 3]])
        np.testing.assert_array_equal(positions("explicit", (2, 3), ranks=rank), [0, 1, 2, 5, 4, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1 2\n3 4", "row 1 of the ranks holds 2 ranks, row 0 holds 3"),
        ("0 1\n2 3\n4 5", "3 x 2 ranks do not fit a grid of 2 x 3"),
        ("0 1 2\n3 -4 5", "line 2: a rank is an integer from 0 on, not '-4'"),
        ("0 1 2\n3 4.0 5", "not '4.0'"),
        ("0,1,2\n3,,5", "line 2: .* not an empty field"),
        ("0,1 2,2\n3,4,5", "not '1 2'"),
        ("0 1 2 3 4 \u0665", "a rank is an integer"),
        ("0 1 2 3 4 " + "9" * 30, "a rank is an integer"),
        ("", "do not fit a grid of 2 x 3"),
        ("7 " * 5000, "larger than 4288 bytes"),
    ],
)
def test_refused_texts(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ranks.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as refused:
        ranks_from_file(path, (2, 3))
    assert str(path) in str(refused.value)


def test_refused_files(tmp_path: Path) -> None:
    def refuse(name: str, content: bytes | None, message: str) -> None:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            ranks_from_file(path, (2, 3))

    def saved(array: np.ndarray) -> bytes:
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        return file.getvalue()

    refuse("missing.txt", None, "no such file")
    refuse("ranks.pkl", b"", "is .npy, .csv or .txt")
    refuse("latin.txt", b"0 1 2\n\xff\xfe", "not a text in UTF-8")
    refuse("null\0.txt", None, "cannot be read|no such file")
    refuse("objects.npy", saved(np.array([0, 1, 2, 3, 4, None], object)), "not an array of integers")
    refuse("floats.npy", saved(np.zeros((2, 3))), "must be integers, not float64")
    refuse("shape.npy", saved(np.zeros((3, 2), int)), "3 x 2 ranks do not fit a grid of 2 x 3")
    refuse("negative.npy", saved(np.full((2, 3), -1)), "not -1")
    refuse("short.npy", saved(np.zeros((2, 3), int))[:-1], "not an array of integers")
    refuse("junk.npy", b"\x80\x04K\x01.", "not an array of integers")
    refuse("large.npy", saved(np.zeros((100, 100), int)), "larger than 4288 bytes, the limit")
    header = saved(np.zeros((2, 3), int)).replace(b"(2, 3), }  ", b"(9000,3), }")
    refuse("lying.npy", header, "not an array of integers")
    (tmp_path / "folder.txt").mkdir()
    refuse("folder.txt", None, "it is a folder")


@pytest.mark.parametrize("scan", ["raster", "zigzag", "random"])
def test_a_position_is_a_place_in_the_grid_as_it_lies(scan: str) -> None:
    """`position` counts row by row, whatever the order, on the data's own grid even where a layer's grid is another."""
    spec = from_text(f"""
arspec: 1
data: {{kind: image, height: 4, width: 5, levels: 2}}
order: {scan}
masks: {{recent: earlier and that.position >= this.position - 6}}
graph:
  scaled: {{layer: scale, from: x}}
  cut: {{layer: crop, left: 1}}
  logits: {{layer: conv, kernel: [7, 9], out: $head, mask: recent}}
  whole: {{layer: pad, left: 1}}
head: {{kind: categorical, from: whole}}
""")
    member = spec.members[0]
    found = seen(Relations(spec.graph(), member), np.arange(20)).matrix()
    cell, rank = np.arange(20), member.order.position_rank
    here, there = cell[:, None], cell[None]
    wanted = (rank[there] < rank[here]) & (there >= here - 6) & (here % 5 > 0) & (there % 5 > 0)
    np.testing.assert_array_equal(found, wanted)
