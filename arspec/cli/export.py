"""`arspec export MODEL --torch FILE.py`, `--onnx FOLDER`, `--model-explorer FILE.json` or
`--huggingface FOLDER`: a model in the form of others."""

from __future__ import annotations

import argparse
from pathlib import Path

from arspec.cli.models import add_model, open_model
from arspec.cli.outputs import STANDARD, put_text
from arspec.cli.saying import say
from arspec.diagnostics import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL, and the form in which it is written."""
    add_model(parser)
    forms = parser.add_mutually_exclusive_group(required=True)
    forms.add_argument(
        "--torch", metavar="FILE.py", help="one file of plain torch, with the weights beside it as FILE.safetensors"
    )
    forms.add_argument(
        "--onnx",
        metavar="FOLDER",
        help="a folder of ONNX graphs: the forward pass, the sampler's step; and a driver that draws",
    )
    forms.add_argument(
        "--model-explorer", metavar="FILE.json", help="of a spec or a model: its graph for Model Explorer"
    )
    forms.add_argument(
        "--huggingface", metavar="FOLDER", help="of what arspec import has read: a checkpoint of the same form"
    )
    parser.add_argument("--member", type=int, default=0, help="--torch, --onnx: which order of a family, from 0 (0)")
    parser.add_argument("--forward-only", action="store_true", help="--onnx: the forward pass, without the sampler")
    parser.add_argument(
        "--all-steps", action="store_true", help="--onnx: compare every step with torch, not the first 256 alone"
    )


def run(args: argparse.Namespace) -> int:
    """Exports; exit code 0."""
    if args.torch is not None:
        from arspec.exporting import export_torch

        say(str(export_torch(open_model(args), args.torch, args.member)))
        return 0
    if args.model_explorer is not None:
        from arspec.cli.models import params_of, spec_of
        from arspec.files.atomic import check_place
        from arspec.pictures.model_explorer import collection_text, write_collection

        if args.model_explorer == STANDARD:
            put_text(collection_text(spec_of(args.model, params_of(args.set))))
            return 0
        check_place(Path(args.model_explorer))
        say(str(write_collection(spec_of(args.model, params_of(args.set)), args.model_explorer)))
        return 0
    if args.onnx is not None:
        from arspec.exporting import export_onnx

        say(str(export_onnx(open_model(args), args.onnx, args.member, args.forward_only, args.all_steps)))
        return 0
    if args.set:
        raise InputError("AR808", "--set sets the parameters of a spec; a checkpoint comes from a run as it is")
    from arspec.checkpoints.exporting import export_folder

    say(export_folder(args.model, args.huggingface))
    return 0
