"""The files of a transformers model, in a folder or in a repository of the hub."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.encoders.artefact import FOLDER, Artefact, combined_digest
from retrieval.encoders.digests import file_digest
from retrieval.encoders.hf_config import CONFIG, Architecture, read_architecture
from retrieval.encoders.hf_pixels import FILES as PIXEL_FILES
from retrieval.encoders.hub import HUB, hub_file
from retrieval.encoders.weights import Weights, read_weights
from retrieval.errors import InputError, MissingFileError, UnknownNameError, WeightsError
from retrieval.text_files import read_json

if TYPE_CHECKING:
    import torch

INDEX = ".index.json"
WEIGHTS = ("model.safetensors", f"model.safetensors{INDEX}", "pytorch_model.bin", f"pytorch_model.bin{INDEX}")
"""Files of weights, in order of preference; an index names the files among which they are divided."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model; ``source`` is ``folder:PATH`` or ``hf-hub:REPOSITORY[@REVISION]``."""

    source: str

    @property
    def spoken(self) -> str:
        """The folder or the repository, for messages."""
        return self.source.removeprefix(FOLDER)

    def file(self, *names: str) -> Path | None:
        """Return the first of several files that there is, downloaded if need be; None without any.

        Raises:
            NetworkError: a download failed.
        """
        if self.source.startswith(FOLDER):
            folder = Path(self.source.removeprefix(FOLDER))
            return next((folder / name for name in names if (folder / name).is_file()), None)
        try:
            return hub_file(self.source.removeprefix(HUB), names)
        except UnknownNameError:
            return None

    def architecture(self) -> Architecture:
        """Read the configuration.

        Raises:
            MissingFileError: there is none.
            UnknownNameError: the repository does not exist.
            InputError, WeightsError: as :func:`retrieval.encoders.hf_config.read_architecture`.
        """
        if self.source.startswith(HUB):
            return read_architecture(hub_file(self.source.removeprefix(HUB), [CONFIG]))
        path = self.file(CONFIG)
        if path is None:
            raise MissingFileError(
                f"{self.spoken} has no {CONFIG}; a transformers model is a folder with {CONFIG}, "
                f"{PIXEL_FILES[0]} and {WEIGHTS[0]}."
            )
        return read_architecture(path)

    def weights(self) -> list[Path]:
        """Return the files of weights.

        Raises:
            MissingFileError: there are none, or one that the index names is missing.
            InputError: the index cannot be read.
        """
        path = self.file(*WEIGHTS)
        if path is None:
            raise MissingFileError(f"{self.spoken} has no weights; {WEIGHTS[0]} (or {WEIGHTS[1]}) should be in it.")
        return self._shards(path) if path.name.endswith(INDEX) else [path]

    def _shards(self, index: Path) -> list[Path]:
        content = read_json(index, "the index of weights")
        named = content.get("weight_map") if isinstance(content, dict) else None
        names = sorted(set(named.values())) if isinstance(named, dict) and all(map(_is_text, named.values())) else []
        if not names or any(Path(name).name != name for name in names):
            raise InputError(f"{index} names no files of weights beside it; fetch the folder again.")
        shards = [(name, self.file(name)) for name in names]
        for name, path in shards:
            if path is None:
                raise MissingFileError(f"{self.spoken} is not complete: {name}, which {index.name} names, is missing.")
        return [path for _, path in shards if path is not None]

    def artefact(self) -> Artefact:
        """Return the files; the digest covers the weights and what the configuration says of the architecture."""
        shards = self.weights()
        parts = {path.name: file_digest(path) for path in shards}
        described = json.dumps(asdict(self.architecture()), sort_keys=True)
        parts[CONFIG] = hashlib.sha256(described.encode()).hexdigest()
        return Artefact(shards[0].parent, shards[0], combined_digest(parts))

    def read(self) -> Weights:
        """Read all tensors.

        Raises:
            WeightsError, InputError: a file cannot be read, or two files have a tensor of one name.
        """
        shards = self.weights()
        tensors: dict[str, torch.Tensor] = {}
        for path in shards:
            part = read_weights(path).tensors
            if double := tensors.keys() & part.keys():
                raise WeightsError(f"{path} holds {min(double)}, as another of the files does; fetch them again.")
            tensors |= part
        return Weights(shards[0] if len(shards) == 1 else shards[0].parent, tensors)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
