"""The keys that the parts of a spec have, by the name of the pydantic model that stands for them."""

from __future__ import annotations

from pydantic import BaseModel

from arspec.heads import HEADS
from arspec.layers import ALL
from arspec.spec import sections


def keys_of(title: str) -> list[str]:
    """The YAML keys of a model, by its name; of all members of a union where the title names one."""
    models: list[type[BaseModel]] = [*ALL, *HEADS.values()]
    models += [m for m in vars(sections).values() if isinstance(m, type) and issubclass(m, sections.Section)]
    chosen = [m for m in models if m.__name__ == title] or [m for m in models if m.__name__ in title]
    return sorted({field.alias or name for model in chosen for name, field in model.model_fields.items()})
