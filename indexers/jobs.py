"""From a request to a running job: opens source and store, resolves the encoder, stays in its space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.drawn_samples import DEFAULT, is_drawn
from indexers.pipeline.embed import index
from indexers.pipeline.report import IndexOptions, IndexReport
from indexers.requests import ImportRequest, IndexRequest
from indexers.sources.registry import open_source
from indexers.vectors.attach_vectors import AttachReport, attach_vectors
from indexers.vectors.class_names import ClassNames, name_classifier
from indexers.vectors.import_vectors import BankReport, ImportReport, ImportTarget, import_bank, import_vectors
from indexers.vectors.read_vectors import read_vectors
from retrieval.errors import InputError, MissingFileError
from retrieval.store.open import LanceStore, create_store, is_store, open_store

if TYPE_CHECKING:
    from retrieval.types import Encoder, EncoderSpec, Source
    from retrieval.types.store import EmbeddingStore, Snapshot, StoreWriter

SUGGESTED = "open_clip/ViT-B-32:laion2b_s34b_b79k, timm/efficientnet_b3:FILE.safetensors, torchvision/resnet50:DEFAULT"


def index_images(request: IndexRequest, store: str | Path | LanceStore) -> IndexReport:
    """Index images as the request says it.

    Args:
        request: what to index, and how.
        store: the store, or where it is or is to be made.

    Returns:
        What was done; its ``notes`` say what is worth knowing beside the counts.

    Raises:
        InputError, MissingFileError, UnknownNameError: the source, the encoder or an option cannot be used.
        ReadOnlyStoreError, StoreLockedError: the store cannot be written.
    """
    names = ClassNames.read(request.class_names) if request.class_names else None
    source = open_source(request.path, _kind(request), request.source_name, _source_options(request))
    asked = _resolve(request)
    if asked is None and not is_store(store):
        asked = _default(request)
        if asked is None:
            raise _no_encoder()
    opened = create_store(store)
    with opened.writer(request.wait) as writer:
        if asked is None and not any(not space.imported for space in writer.snapshot.spaces):
            asked = _default(request)  # indexing was stopped before the first image
        spec = _stay_in_space(asked, writer.snapshot, request.precision)
        notes = _check_root(source, writer)
        named = _name_classes(opened, writer, spec, names)
        report = index(source, writer, spec, lambda: _load_checked(spec, request.device, names), _how(request))
        notes += named or _name_classes(opened, writer, spec, names)
    splits = None if report.interrupted else source.split_set()
    if splits is not None:
        opened.save_splits(splits)
        notes.append(f"Draws of the data set are kept as the split set '{splits.name}'; evaluate with `split_set`.")
    report.notes[:0] = [*notes, *source.notes]
    return report


def _kind(request: IndexRequest) -> str | None:
    """The kind of source; a pattern or a preset says it, too."""
    return request.source or ("pattern" if request.pattern or request.preset else None)


def _source_options(request: IndexRequest) -> dict[str, Any]:
    named = {name: getattr(request, name) for name in ("image_root", "pattern", "preset")}
    given = {name: value for name, value in named.items() if value is not None}
    return {**request.source_options, **({"columns": request.columns} if request.columns else {}), **given}


def _how(request: IndexRequest) -> IndexOptions:
    return IndexOptions(
        views=request.views,
        workers=request.workers or IndexOptions().workers,
        commit_seconds=request.commit_seconds,
        thumbnails=request.thumbnails,
        prune=request.prune,
        quiet=request.quiet,
    )


def _resolve(request: IndexRequest, encoder: str | None = None) -> EncoderSpec | None:
    """The encoder that was asked for, before anything is written; None if none was."""
    name = encoder or request.encoder
    if name is None:
        return None
    from retrieval.encoders.registry import resolve
    from retrieval.encoders.request import EncoderRequest

    return resolve(
        EncoderRequest(
            name=name,
            weights=request.weights,
            random_init=request.random_init,
            preprocess=request.preprocess,
            precision=request.precision,
            device=request.device,
        )
    )


def _default(request: IndexRequest) -> EncoderSpec | None:
    """The encoder that ships, for images that ``vitrine sample`` has drawn; None for others.

    Raises:
        InputError: it is not there.
    """
    if not is_drawn(request.path):
        return None
    try:
        return _resolve(request, DEFAULT)
    except MissingFileError as error:
        raise InputError(f"{error} Or say another `encoder`, for example {SUGGESTED}.") from None


def _stay_in_space(asked: EncoderSpec | None, snapshot: Snapshot, precision: str) -> EncoderSpec:
    """The encoder as the store knows it: precision ``auto`` and the batch size stay as the space began.

    Raises:
        InputError: no encoder was asked for, and the store has none, or several.
    """
    own = [space for space in snapshot.spaces if not space.imported]
    if asked is None:
        if len(own) == 1:
            return own[0].spec
        raise _no_encoder(f" The store has {', '.join(space.name for space in own)}." if own else "")
    began = [space.spec for space in own if space.spec.lineage == asked.lineage]
    if precision != "auto":
        began = [known for known in began if known.precision == asked.precision]
    return replace(began[0], weights=asked.weights) if began else asked


def _no_encoder(have: str = "") -> InputError:
    return InputError(f"Say which `encoder`, for example {SUGGESTED}.{have}")


def _load(spec: EncoderSpec, device: str) -> Encoder:
    from retrieval.encoders.registry import load

    return load(spec, device)


def _name_classes(store: EmbeddingStore, writer: StoreWriter, spec: EncoderSpec, names: ClassNames | None) -> list[str]:
    """Name the classes of the space's classifier, if names were given and the store has the space."""
    space = next((space for space in writer.snapshot.spaces if space.fingerprint == spec.fingerprint), None)
    return [] if names is None or space is None else name_classifier(store, space, names)


def _load_checked(spec: EncoderSpec, device: str, names: ClassNames | None) -> Encoder:
    """Load the encoder; a file of class names that does not fit its classifier stops here, not after the last image."""
    encoder = _load(spec, device)
    if names is not None:
        names.check(encoder.head, f"{spec.family}/{spec.model}")
    return encoder


def _check_root(source: Source, writer: StoreWriter) -> list[str]:
    """One source name is one data set: it may move, but two may not share a name.

    Raises:
        InputError: the recorded folder is still there, and it is another one.
    """
    here = source.root.resolve()
    for known in writer.snapshot.sources:
        if known.name != source.name or Path(known.root) == here:
            continue
        if Path(known.root).is_dir():
            raise InputError(
                f"The store has '{source.name}' from {known.root}, which is still there; give this data set a name of "
                "its own with `source_name`."
            )
        if not _has_some_of(source, writer):
            raise InputError(
                f"The store has '{source.name}' from {known.root}, and none of its files is in {here}; if this is "
                "another data set, give it a name of its own with `source_name`."
            )
        return [f"'{source.name}' moved from {known.root} to {here}."]
    return []


def _has_some_of(source: Source, writer: StoreWriter) -> bool:
    """Whether any of the files that the store knows of this source is under its root now."""
    rows = writer.snapshot.samples(["uri"], source=source.name)
    return not rows.num_rows or any((source.root / uri).exists() for uri in rows.column("uri").to_pylist())


def import_file(request: ImportRequest, store: str | Path | LanceStore) -> ImportReport | AttachReport | BankReport:
    """Import a file of vectors as the request says it: as samples, for indexed images, or as a bank.

    Args:
        request: the file, and what is what in it.
        store: the store, or where it is; vectors that become samples may make a new one.

    Raises:
        InputError, MissingFileError, UnknownNameError: the file or an option cannot be used.
        ReadOnlyStoreError, StoreLockedError: the store cannot be written.
    """
    target = ImportTarget(request.space_name, request.space, prune=request.prune)
    if request.kind == "bank":
        with open_store(store).writer(request.wait) as writer:
            bank = import_bank(
                request.path, writer, request.bank_options(), name=request.bank_name, space=request.space
            )
        return BankReport(bank.name, len(bank.vectors), len(set(bank.edge_class.tolist())))
    if request.attach is not None:
        opened = open_store(store)
        found = read_vectors(request.path, request.vector_options(), described=False)
        with opened.writer(request.wait) as writer:
            return attach_vectors(request.path, found, writer, target, request.attach)
    found = read_vectors(request.path, request.vector_options())
    with create_store(store).writer(request.wait) as writer:
        return import_vectors(request.path, found, writer, target)
