"""Scores of examples under a model: how likely they are, where they are surprising, whether they are of its kind.

likelihood     nats of every variable and example
complexity     the compressed length, by programs that know no model
scores         the scores that tell other data from the model's own, higher for what is stranger
auroc          how well a score tells them apart
calibration    whether the predicted probabilities are those with which things happen
"""

from __future__ import annotations

from arspec.scoring.auroc import auroc, curve
from arspec.scoring.calibration import Calibration, calibrate
from arspec.scoring.complexity import CODECS, compressed_bits
from arspec.scoring.scores import Scores, score

__all__ = ["CODECS", "Calibration", "Scores", "auroc", "calibrate", "compressed_bits", "curve", "score"]
