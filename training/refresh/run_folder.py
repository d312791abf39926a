"""What a training run left for a store: an encoder, banks, and the record of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.adapter import FAMILY_NAME, Adapter, read_adapter
from retrieval.encoders.artefact import CARD, INSIDE, find_card, read_card
from retrieval.errors import InputError, MissingFileError
from training.checkpoint import ORIGIN
from training.export import BANKS, RECORD, TrainedBank, read_banks, read_record
from training.run_origin import read_origin
from training.run_samples import RunSamples, read_samples

if TYPE_CHECKING:
    from retrieval.types import EncoderSpec, SpaceInfo
    from retrieval.types.store import Snapshot


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A training run.

    Attributes:
        path: its folder.
        encoder: folder of the encoder; None if the run left banks only.
        adapter: the encoder, if it is a linear adapter.
        record: the record of the training, empty if there is none.
        banks: the trained banks.
        origin: what the run was trained on, as :func:`training.run_origin.read_origin` returns it.
        samples: the samples of the training; None if the run does not list them.
    """

    path: Path
    encoder: Path | None
    adapter: Adapter | None
    record: Mapping[str, Any] = field(default_factory=dict)
    banks: tuple[TrainedBank, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    samples: RunSamples | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the trained layer; empty if they are not known."""
        return tuple(self.record.get("classes") or ())

    @property
    def parent(self) -> str | None:
        """Fingerprint of the space that the run was trained from, as far as the run says it."""
        if self.adapter is not None:
            return self.adapter.parent.fingerprint
        fingerprint: str | None = (self.record.get("parent") or {}).get("fingerprint")
        return fingerprint or self.origin.get("space_fingerprint")

    def is_from(self, space: SpaceInfo) -> bool:
        """Return whether the run says that it was trained from this space; earlier runs say no more than its name."""
        if self.parent is not None:
            return space.fingerprint == self.parent
        return space.name == self.origin.get("space")


def open_run_folder(path: Path) -> RunFolder:
    """Read a run: its folder, or that of the encoder in it.

    Raises:
        MissingFileError: the folder does not exist.
        InputError, WeightsError: it holds neither encoder nor banks, or they cannot be read.
    """
    if not path.exists():
        raise MissingFileError(f"{path}: no such folder; check `checkpoint`.")
    card = find_card(path)
    is_encoder = card is not None and card.parent == path
    run = path.parent if is_encoder and path.name == INSIDE and (path.parent / RECORD).is_file() else path
    banks = read_banks(run)
    if card is None and not banks:
        raise InputError(
            f"{path} holds nothing for a store, neither {INSIDE}/{CARD} nor {BANKS}; name the folder of a training run "
            "that has ended."
        )
    adapter = read_adapter(card.parent) if card is not None and read_card(card).family == FAMILY_NAME else None
    record = next((read_record(folder) for folder in (run, path) if (folder / RECORD).is_file()), {})
    new = [bank.name for bank in banks if bank.owner == "new"]
    if card is None and new:
        raise InputError(f"{run}: the bank {new[0]} is of the trained encoder, which is not there; copy it again.")
    return RunFolder(
        run, None if card is None else card.parent, adapter, record, banks, read_origin(run), read_samples(run)
    )


def find_parent(run: RunFolder, name: str | None, encoder: EncoderSpec | None, snapshot: Snapshot) -> SpaceInfo:
    """Find the space from which a run was trained, or the one that the user names.

    Args:
        run: the run.
        name: the space that the user names, or None.
        encoder: the trained encoder, of which the store may have a space already.
        snapshot: the store.

    Raises:
        InputError: the store does not have the space, it is not known which one it is, or the run has banks of another.
        UnknownNameError: the store has no space of this name.
    """
    recorded = run.record.get("parent") or {}
    digest = encoder and encoder.weights_digest
    made = next((space for space in snapshot.spaces if digest and space.spec.weights_digest == digest), None)
    fingerprint = run.parent or (made and made.parent)
    by_fingerprint = {space.fingerprint: space for space in snapshot.spaces}
    if name is not None:
        space = snapshot.space(name)
        if run.adapter is not None and space.fingerprint != fingerprint:
            raise InputError(
                f"{run.path} maps vectors of another space than {space.name} (fingerprint {str(fingerprint)[:12]}); "
                "leave `space` out."
            )
    elif fingerprint is None:
        space = next((space for space in snapshot.spaces if run.is_from(space)), None) or snapshot.space(None)
    elif fingerprint in by_fingerprint:
        space = by_fingerprint[fingerprint]
    else:
        names = ", ".join(sorted(space.name for space in snapshot.spaces)) or "none"
        way = "refresh the store that has it" if run.adapter is not None else "or name a `space` whose samples it gets"
        raise InputError(
            f"The store has no space {recorded.get('name') or str(fingerprint)[:12]}, from which {run.path} was "
            f"trained; it has {names}; {way}."
        )
    if digest and space.spec.weights_digest == digest:
        raise InputError(f"Space {space.name} is that of the trained encoder itself; name another `space`.")
    _require_space_of_banks(run, space)
    return space


def _require_space_of_banks(run: RunFolder, space: SpaceInfo) -> None:
    """Check that banks of the parent go to no other space, in which their scores would be numbers without a meaning.

    Raises:
        InputError: the run has such banks, and another parent or one that it does not tell.
    """
    bank = next((bank.name for bank in run.banks if bank.owner == "parent"), None)
    if bank is None or run.is_from(space):
        return
    name = (run.record.get("parent") or {}).get("name") or run.origin.get("space")
    if name is None and run.parent is None:
        raise InputError(
            f"{run.path} does not tell from which space the vectors of its bank {bank} are (it has neither {RECORD} "
            f"nor {ORIGIN} that says so), so they are not saved; copy the folder of the run again, or train again."
        )
    raise InputError(
        f"The bank {bank} of {run.path} is of space {name or str(run.parent)[:12]}, and not of {space.name}, whose "
        "vectors it cannot be compared with; leave `space` out, or refresh the store that has its space."
    )
