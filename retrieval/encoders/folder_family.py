"""What encoder families have in common whose encoders are folders with a card that our training jobs leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.encoders.artefact import FOLDER, open_folder
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.encoders.artefact import Artefact


class FolderFamily:
    """Base class of such families; see :class:`retrieval.encoders.family.Family` for what the methods raise.

    Args:
        name: name of the family.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def claims(self, path: Path) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: a folder alone is of the family ``checkpoint``, whose card names this one."""
        return False

    def models(self) -> Sequence[str]:
        """Return no names, because every folder is a model of its own."""
        return ()

    def check(self, model: str) -> tuple[str, str | None]:
        """Return the folder, and the location of the weights in it."""
        return model, f"{FOLDER}{Path(model).expanduser().resolve()}"

    def tags(self, model: str) -> Sequence[str]:  # noqa: ARG002 - the interface has it
        """Return no tags, because a folder has only one set of weights."""
        return ()

    def find(self, model: str, source: str) -> Artefact:
        """Return the folder."""
        if not source.startswith(FOLDER):
            raise InputError(f"{self._name}/{model} has its weights in a folder; leave out {source}.")
        return open_folder(Path(source.removeprefix(FOLDER)))
