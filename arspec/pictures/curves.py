"""Histograms and ROC curves of scores, and the reliability of predicted probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.pictures.style import sheet, write
from arspec.scoring.auroc import auroc, curve

if TYPE_CHECKING:
    from arspec.scoring.calibration import Calibration
    from arspec.scoring.scores import Scores

DPI = 110


def draw_histograms(path: Path, sets: dict[str, Scores]) -> None:
    """A histogram of each score, the sets over one another."""
    names = list(next(iter(sets.values())).of)
    figure = sheet((3.2 * len(names), 2.8), DPI)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        every = np.concatenate([scores.of[name] for scores in sets.values()])
        low, high = np.quantile(every, [0.002, 0.998])
        bins = np.linspace(low, high if high > low else low + 1, 50)
        for label, scores in sets.items():
            axes.hist(scores.of[name].clip(bins[0], bins[-1]), bins, density=True, alpha=0.6, label=label)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("bits")
        axes.set_yticks([])
    figure.axes[0].legend(fontsize=7)
    write(figure, path)


def draw_curves(path: Path, inside: Scores, outside: dict[str, Scores]) -> None:
    """The ROC curve of each score, one panel for each of the other sets."""
    figure = sheet((4.2 * len(outside), 4.2), DPI)
    for axes, (label, other) in zip(figure.subplots(1, len(outside), squeeze=False)[0], outside.items(), strict=True):
        for name, values in inside.of.items():
            area = auroc(values, other.of[name])
            axes.plot(*curve(values, other.of[name]), label=f"{name} {area:.3f}", linewidth=1.2)
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.6, linestyle=":")
        axes.set_title(label, fontsize=9)
        axes.set_xlabel("share of its own kind taken for strange")
        axes.set_ylabel("share of the others found")
        axes.set_aspect("equal")
        axes.legend(fontsize=7, loc="lower right")
    write(figure, path)


def draw_calibration(path: Path, found: Calibration) -> None:
    """Reliability of the likeliest level and of all levels, and the probability integral transform."""
    figure = sheet((8.2, 3.8), DPI)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="grey", linewidth=0.6, linestyle=":")
    for name, table in (("likeliest level", found.likeliest), ("all levels", found.levels)):
        full = table.count > 0
        left.plot(table.predicted[full], table.observed[full], marker="o", markersize=3,
                  label=f"{name}: error {table.error:.4f}")  # fmt: skip
    left.set_xlabel("predicted probability")
    left.set_ylabel("share that came true")
    left.set_aspect("equal")
    left.legend(fontsize=8)
    edges = np.linspace(0, 1, len(found.pit) + 1)
    right.stairs(found.pit, edges, fill=True, alpha=0.7)
    right.axhline(1, color="grey", linewidth=0.6, linestyle=":")
    right.set_xlabel("probability integral transform")
    right.set_ylabel("density")
    right.set_title(f"{found.pit_distance:.4f} from uniform", fontsize=9)
    write(figure, path)
