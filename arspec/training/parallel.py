"""Processes started by torchrun: who is who, sums over all, and the two ways to share a model's work."""

from __future__ import annotations

import gc
import importlib
import os
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from arspec.network.device import choose_device


class NegativeLogProb(nn.Module):
    """-log p(x) in nats for each example [B], by forward: DDP and FSDP act on a module's forward alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, x: Tensor, member: int, condition: dict[str, Tensor], auxiliary: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """[N]: the nats of each example under one member; with `auxiliary` beside it the auxiliary losses, []."""
        if auxiliary:
            return self.model.losses(x, member=member, **condition)  # pyright: ignore
        return -self.model.log_prob(x, member=member, **condition)  # pyright: ignore


class Processes:
    """This process among those of a run: alone, or one of torchrun's."""

    def __init__(self, device: torch.device, rank: int = 0, size: int = 1) -> None:
        self.device = device
        self.rank = rank
        self.size = size

    @staticmethod
    def join(device: str) -> Processes:
        """Joins the processes that torchrun started, or stays alone. device: auto, cpu, cuda, cuda:1 ..."""
        size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        chosen = choose_device(device)
        if size == 1:
            return Processes(chosen)
        if chosen.type == "cuda":
            chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(chosen)
        if not dist.is_initialized():
            # its functions take the group of the day they are imported for a default, and would keep ours alive
            importlib.import_module("torch.distributed.nn.functional")
            dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        return Processes(chosen, rank, size)

    @staticmethod
    def is_first() -> bool:
        """Whether this process, which may not have joined the others yet, is the one that writes files."""
        return int(os.environ.get("RANK", "0")) == 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Until every process has come here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """Ends the group; this process is alone afterwards."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
            # DDP keeps the group in reference cycles. Its threads end with it; one that still waits for
            # the interpreter's lock when the interpreter ends aborts the whole process.
            gc.collect()

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum over all processes, on the CPU."""
        if self.size > 1:
            tensor = tensor.to(self.device)
            dist.all_reduce(tensor)
        return tensor.cpu()

    def any(self, here: bool) -> bool:
        """Whether it holds in any process."""
        return bool(self.sum(torch.tensor([float(here)])).item() > 0) if self.size > 1 else here

    def put(self, x: NDArray[Any], condition: dict[str, NDArray[Any]]) -> tuple[Tensor, dict[str, Tensor]]:
        """Arrays as tensors on this process's device."""

        def put(array: NDArray[Any]) -> Tensor:
            tensor = torch.from_numpy(np.ascontiguousarray(array))
            return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor

        return put(x), {name: put(values) for name, values in condition.items()}

    def share(self, through: NegativeLogProb, kind: str) -> nn.Module:
        """The same module, its gradients averaged over the processes ('ddp') or its weights sharded too ('fsdp')."""
        if self.size == 1:
            return through
        if kind == "fsdp":
            from torch.distributed.device_mesh import init_device_mesh
            from torch.distributed.fsdp import fully_shard

            # one group of weights: a compiled model reads them all in one forward, not child by child
            mesh = init_device_mesh(self.device.type, (self.size,))
            fully_shard(through, mesh=mesh, reshard_after_forward=True)
            return through
        # some weights may get no gradient (the last layer's way to a stack that nothing reads)
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(through, device_ids=ids, find_unused_parameters=True)


def like(value: Tensor, model: Tensor) -> Tensor:
    """`value`, whole, placed as `model` is: on its device, sharded where it is sharded."""
    if hasattr(model, "full_tensor") and value.shape == model.shape:
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(value.to(model.device), model.device_mesh, model.placements)  # pyright: ignore
    return value.to(model.device)
