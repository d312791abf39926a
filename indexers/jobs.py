"""Run requests to index or import: open source and store, resolve the encoder, and report what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.drawn_samples import DEFAULT, drawn_table, is_drawn
from indexers.pipeline.embed import index
from indexers.pipeline.names import name_notes
from indexers.pipeline.report import IndexOptions, IndexReport
from indexers.requests import ImportRequest, IndexRequest
from indexers.sources.registry import open_source
from indexers.vectors.attach_vectors import AttachReport, attach_vectors
from indexers.vectors.class_names import ClassNames, name_classifier
from indexers.vectors.import_vectors import BankReport, ImportReport, ImportTarget, import_bank, import_vectors
from indexers.vectors.read_vectors import read_vectors
from retrieval.containers import containing_file
from retrieval.encoders.spec_text import encoder_data, encoder_line
from retrieval.errors import InputError, MissingFileError
from retrieval.store.open import LanceStore, create_store, is_store, open_store
from retrieval.store.spaces import default_space

if TYPE_CHECKING:
    from retrieval.types import Encoder, EncoderSpec, Source, SplitSet
    from retrieval.types.store import EmbeddingStore, Snapshot, StoreWriter

SUGGESTED = "ViT-B-32, bioclip-2, timm/efficientnet_b3:FILE.safetensors ('vitrine encoders' lists names)"


def index_images(
    request: IndexRequest, store: str | Path | LanceStore, tell: Callable[[str], None] = lambda _: None
) -> IndexReport:
    """Embed the images of a source into a store.

    Args:
        request: source, encoder and options.
        store: the store, or its folder, which is created if it does not exist.
        tell: gets the notes of the source before the first image is opened; the report has them, too.

    Returns:
        Numbers of samples, and notes for the user.

    Raises:
        InputError, MissingFileError, UnknownNameError: the source, the encoder or an option cannot be used.
        ReadOnlyStoreError, StoreLockedError: the store cannot be written.
    """
    names = ClassNames.read(request.class_names) if request.class_names else None
    request, drawn_notes = _with_drawn_table(request)
    source = open_source(request.path, _kind(request), request.source_name, _source_options(request))
    requested = _resolve(request)
    if requested is None and not is_store(store):
        requested = _default(request)
        if requested is None:
            raise _no_encoder()
    opened = create_store(store)
    with opened.writer(request.wait) as writer:
        if requested is None and not any(not space.imported for space in writer.snapshot.spaces):
            requested = _default(request)  # an earlier run was stopped before the first image
        spec = stored_spec(requested, writer.snapshot, request.precision, request.crop)
        tell(encoder_line(spec, request.encoder))
        notes = _check_root(source, writer)
        class_notes = _name_classes(opened, writer, spec, names)
        options = replace(_options(request), tell=tell)
        report = index(source, writer, spec, lambda: _load_checked(spec, request.device, names), options)
        notes += class_notes or _name_classes(opened, writer, spec, names)
        report.encoder = encoder_data(spec)
        report.notes += name_notes(writer.snapshot)
    splits = None if report.interrupted else source.split_set()
    if splits is not None:
        opened.save_splits(_without_forgotten(splits, opened))
        notes.append(f"Draws of the data set are kept as the split set '{splits.name}'; evaluate with `split_set`.")
    report.notes[:0] = [*notes, *source.notes, *drawn_notes]
    return report


def _without_forgotten(splits: SplitSet, store: EmbeddingStore) -> SplitSet:
    """Leave forgotten samples out of the draws of a data set, as ``forget`` does in stored ones."""
    with store.snapshot() as snapshot:
        gone = snapshot.forgotten().ids_of(splits.sample)
    return splits.without(gone) if gone else splits


def _with_drawn_table(request: IndexRequest) -> tuple[IndexRequest, list[str]]:
    """Replace a folder of drawn images that is named alone by its table; return notes about it."""
    table = None if _kind(request) or request.columns else drawn_table(request.path)
    if table is None:
        return request, []
    update = {"path": table.path, "columns": table.columns}
    return request.model_copy(update=update), [table.note] if table.note else []


def _kind(request: IndexRequest) -> str | None:
    """Return the kind of source, which is ``pattern`` if a pattern or a preset is given, and ``folder`` with levels."""
    return request.source or ("pattern" if request.pattern or request.preset else "folder" if request.levels else None)


def _source_options(request: IndexRequest) -> dict[str, Any]:
    """Return the options of the source that the request sets."""
    fields = {name: getattr(request, name) for name in ("image_root", "pattern", "preset", "levels")}
    mappings = {name: getattr(request, name) for name in ("columns", "split")}
    options = {name: value for name, value in fields.items() if value is not None}
    return {**request.source_options, **{name: value for name, value in mappings.items() if value}, **options}


def _options(request: IndexRequest) -> IndexOptions:
    return IndexOptions(
        views=request.views,
        workers=request.workers or IndexOptions().workers,
        commit_seconds=request.commit_seconds,
        thumbnails=request.thumbnails,
        prune=request.prune,
        include_forgotten=request.include_forgotten,
        max_pixels=request.max_pixels,
        quiet=request.quiet,
    )


def _resolve(request: IndexRequest, encoder: str | None = None) -> EncoderSpec | None:
    """Return the spec of an encoder, by default that of the request; None if the request has none."""
    name = encoder or request.encoder
    if name is None:
        return None
    from retrieval.encoders.registry import resolve
    from retrieval.encoders.request import EncoderRequest

    spec = resolve(
        EncoderRequest(
            name=name,
            weights=request.weights,
            random_init=request.random_init,
            preprocess=request.preprocess,
            precision=request.precision,
            device=request.device,
        )
    )
    return spec if request.crop is None else replace(spec, crop=request.crop)


def _default(request: IndexRequest) -> EncoderSpec | None:
    """Return the spec of the shipped encoder for images drawn by ``vitrine sample``; None for others.

    Raises:
        InputError: the shipped encoder is not installed.
    """
    if not is_drawn(request.path):
        return None
    try:
        return _resolve(request, DEFAULT)
    except MissingFileError as error:
        raise InputError(f"{error} Or say another `encoder`, for example {SUGGESTED}.") from None


def stored_spec(
    requested: EncoderSpec | None, snapshot: Snapshot, precision: str, crop: str | None = None
) -> EncoderSpec:
    """Return the spec of the space that the requested encoder already has, with its precision and batch size.

    Without such a space, the requested spec is returned; without a requested spec, that of the default space, with the
    crop policy ``crop`` if it is given.

    Raises:
        InputError: no encoder is requested, and the store has no space with an encoder, or several and no default.
    """
    spaces = [space for space in snapshot.spaces if not space.imported]
    if requested is None:
        of_crop = [space for space in spaces if crop is not None and space.spec.crop == crop]
        candidates = of_crop or spaces
        default = candidates[0] if len(candidates) == 1 else default_space(candidates)
        if default is not None:
            return default.spec if crop is None else replace(default.spec, crop=crop)
        raise _no_encoder(f" The store has {', '.join(space.name for space in spaces)}." if spaces else "")
    specs = [space.spec for space in spaces if space.spec.lineage == requested.lineage]
    if precision != "auto":
        specs = [spec for spec in specs if spec.precision == requested.precision]
    if not specs:
        return requested
    return replace(specs[0], weights=requested.weights, licence=requested.licence or specs[0].licence)


def _no_encoder(spaces: str = "") -> InputError:
    return InputError(f"Say which `encoder`, for example {SUGGESTED}.{spaces}")


def _load(spec: EncoderSpec, device: str) -> Encoder:
    from retrieval.encoders.registry import load

    return load(spec, device)


def _name_classes(store: EmbeddingStore, writer: StoreWriter, spec: EncoderSpec, names: ClassNames | None) -> list[str]:
    """Name the classes of the space's classifier if names are given and the space exists; return notes."""
    space = next((space for space in writer.snapshot.spaces if space.fingerprint == spec.fingerprint), None)
    return [] if names is None or space is None else name_classifier(store, space, names)


def _load_checked(spec: EncoderSpec, device: str, names: ClassNames | None) -> Encoder:
    """Load the encoder, and check that class names fit its classifier before images are embedded."""
    encoder = _load(spec, device)
    if names is not None:
        names.check(encoder.head, f"{spec.family}/{spec.model}")
    return encoder


def _check_root(source: Source, writer: StoreWriter) -> list[str]:
    """Check that the name of the source is not that of another data set; return a note if the data set was moved.

    Raises:
        InputError: the stored root of the source still exists, or its stored files are not in the new root.
    """
    root = source.root.resolve()
    for info in writer.snapshot.sources:
        if info.name != source.name or Path(info.root) == root:
            continue
        if Path(info.root).is_dir():
            raise InputError(
                f"The store has '{source.name}' from {info.root}, which is still there; give this data set a name of "
                "its own with `source_name`."
            )
        if not _has_stored_files(source, writer):
            raise InputError(
                f"The store has '{source.name}' from {info.root}, and none of its files is in {root}; if this is "
                "another data set, give it a name of its own with `source_name`."
            )
        return [f"'{source.name}' moved from {info.root} to {root}."]
    return []


def _has_stored_files(source: Source, writer: StoreWriter) -> bool:
    """Return whether a stored file of the source exists below its root, or no file is stored."""
    rows = writer.snapshot.samples(["uri"], source=source.name)
    return not rows.num_rows or any(
        containing_file(source.root / uri).exists() for uri in rows.column("uri").to_pylist()
    )


def import_file(request: ImportRequest, store: str | Path | LanceStore) -> ImportReport | AttachReport | BankReport:
    """Import a file of vectors as samples, for indexed samples, or as a bank.

    Args:
        request: the file, and its arrays or columns.
        store: the store, or its folder. Vectors that become samples create it if it does not exist.

    Raises:
        InputError, MissingFileError, UnknownNameError: the file or an option cannot be used.
        ReadOnlyStoreError, StoreLockedError: the store cannot be written.
    """
    target = ImportTarget(
        request.space_name, request.space, prune=request.prune, include_forgotten=request.include_forgotten
    )
    if request.kind == "bank":
        with open_store(store).writer(request.wait) as writer:
            bank = import_bank(
                request.path, writer, request.bank_options(), name=request.bank_name, space=request.space
            )
        return BankReport(bank.name, len(bank.vectors), len(set(bank.edge_class.tolist())))
    if request.attach is not None:
        opened = open_store(store)
        imported = read_vectors(request.path, request.vector_options(), described=False)
        with opened.writer(request.wait) as writer:
            return attach_vectors(request.path, imported, writer, target, request.attach)
    imported = read_vectors(request.path, request.vector_options())
    with create_store(store).writer(request.wait) as writer:
        return import_vectors(request.path, imported, writer, target)
