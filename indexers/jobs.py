"""From what a user says to a running job: opens source and store, resolves the encoder, stays in its space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.drawn_samples import DEFAULT, is_drawn
from indexers.pipeline.embed import index
from indexers.pipeline.report import IndexOptions, IndexReport
from indexers.sources.registry import open_source
from indexers.vectors.attach_vectors import AttachReport, attach_vectors
from indexers.vectors.class_names import ClassNames, name_classifier
from indexers.vectors.import_vectors import ImportReport, ImportTarget, import_bank, import_vectors
from indexers.vectors.read_vectors import BankOptions, VectorOptions, read_vectors
from retrieval.config import parse_assignments
from retrieval.errors import InputError, MissingFileError, unknown
from retrieval.store.open import create_store, is_store, open_store

if TYPE_CHECKING:
    from retrieval.store.writer import StoreWriter
    from retrieval.types import Bank, Encoder, EncoderSpec, Source
    from retrieval.types.store import EmbeddingStore, Snapshot

VIEWS = ("base", "hflip")

SUGGESTED = "open_clip/ViT-B-32:laion2b_s34b_b79k, timm/efficientnet_b3:FILE.safetensors, torchvision/resnet50:DEFAULT"


@dataclass(frozen=True, slots=True)
class Indexed:
    """A report, and what is worth saying beside it."""

    report: IndexReport
    notes: tuple[str, ...]


def index_path(path: Path, store: str, options: Mapping[str, Any], *, wait: float, quiet: bool = False) -> Indexed:
    """Index ``path`` as the command line says it; see ``index --help`` for the options."""
    named = options.get("pattern") or options.get("preset")
    kind = options.get("kind") or ("pattern" if named else None)
    source = open_source(path, kind, options.get("source_name"), _source_options(options))
    how = IndexOptions(
        views=_views(options.get("views") or "base"),
        thumbnails=not options.get("no_thumbnails"),
        prune=bool(options.get("prune")),
        quiet=quiet,
        commit_seconds=options.get("commit_seconds", IndexOptions().commit_seconds),
        workers=options.get("workers") or IndexOptions().workers,
    )
    names = ClassNames.read(Path(options["class_names"])) if options.get("class_names") else None
    asked = _resolve(options)
    if asked is None and not is_store(store):
        asked = _default(path, options)
        if asked is None:
            raise _no_encoder()
    device = options.get("device") or "auto"
    opened = create_store(store)
    with opened.writer(wait) as writer:
        if asked is None and not any(not space.imported for space in writer.snapshot.spaces):
            asked = _default(path, options)  # indexing was stopped before the first image
        spec = _stay_in_space(asked, writer.snapshot, options.get("precision") or "auto")
        notes = _check_root(source, writer)
        named = _name_classes(opened, writer, spec, names)
        report = index(source, writer, spec, lambda: _load_checked(spec, device, names), how)
        notes += named or _name_classes(opened, writer, spec, names)
    splits = None if report.interrupted else source.split_set()
    if splits is not None:
        opened.save_splits(splits)
        notes.append(f"Draws of the data set are kept: eval --split-set '{splits.name}'.")
    return Indexed(report, (*notes, *source.notes, *report.notes))


def _source_options(options: Mapping[str, Any]) -> dict[str, Any]:
    found = parse_assignments(options.get("extra") or (), "--source-option")
    columns: dict[str, str | None] = {}
    for pair in options.get("columns") or ():
        field, equals, name = pair.partition("=")
        if not equals:
            raise InputError(f"--column '{pair}' is not FIELD=NAME, for example --column filepath=image.")
        columns[field.strip()] = name.strip() or None
    if columns:
        found["columns"] = columns
    for name in ("image_root", "pattern", "preset"):
        if options.get(name) is not None:
            found[name] = options[name]
    return found


def _views(text: str) -> tuple[str, ...]:
    views = tuple(dict.fromkeys(view.strip() for view in text.split(",") if view.strip()))
    for view in views:
        if view not in VIEWS:
            raise unknown("view", view, VIEWS)
    return ("base", *(view for view in views if view != "base"))


def _resolve(options: Mapping[str, Any]) -> EncoderSpec | None:
    """The encoder that was asked for, before anything is written; None if none was."""
    if not options.get("encoder"):
        return None
    from retrieval.encoders.registry import resolve
    from retrieval.encoders.request import EncoderRequest

    return resolve(
        EncoderRequest(
            name=options["encoder"],
            weights=options.get("weights"),
            random_init=options.get("random_init"),
            preprocess=tuple(options.get("preprocess") or ()),
            precision=options.get("precision") or "auto",
            device=options.get("device") or "auto",
        )
    )


def _default(path: Path, options: Mapping[str, Any]) -> EncoderSpec | None:
    """The encoder that ships, for images that ``vitrine sample`` has drawn; None for others.

    Raises:
        InputError: it is not there.
    """
    if not is_drawn(path):
        return None
    try:
        return _resolve({**options, "encoder": DEFAULT})
    except MissingFileError as error:
        raise InputError(f"{error} Or say another encoder, for example --encoder {SUGGESTED}.") from None


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
    return InputError(f"Say which encoder, for example --encoder {SUGGESTED}.{have}")


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
    for row in writer.snapshot.read("sources").to_pylist():
        if row["name"] != source.name or Path(row["root"]) == here:
            continue
        if Path(row["root"]).is_dir():
            raise InputError(
                f"The store has '{source.name}' from {row['root']}, which is still there; give this data set a name of "
                "its own with --source-name."
            )
        if not _has_some_of(source, writer):
            raise InputError(
                f"The store has '{source.name}' from {row['root']}, and none of its files is in {here}; if this is "
                "another data set, give it a name of its own with --source-name."
            )
        return [f"'{source.name}' moved from {row['root']} to {here}."]
    return []


def _has_some_of(source: Source, writer: StoreWriter) -> bool:
    """Whether any of the files that the store knows of this source is under its root now."""
    rows = writer.snapshot.samples(["uri"], source=source.name)
    return not rows.num_rows or any((source.root / uri).exists() for uri in rows.column("uri").to_pylist())


def import_vector_file(path: Path, store: str, options: Mapping[str, Any], *, wait: float) -> ImportReport:
    """Import vectors as samples of their own, as the command line says it; see ``import-vectors --help``."""
    found = read_vectors(path, _vector_options(options))
    with create_store(store).writer(wait) as writer:
        return import_vectors(path, found, writer, _target(options))


def attach_vector_file(path: Path, store: str, options: Mapping[str, Any], *, wait: float) -> AttachReport:
    """Import vectors for the samples of the source ``options["attach"]``; see ``import-vectors --help``."""
    how = _vector_options(options)
    if stated := [f"--{name.replace('_', '-')}" for name in how.named() if name != "filepath"]:
        raise InputError(
            f"{', '.join(stated)}: with --attach the images keep what the store knows of them; leave it out."
        )
    if options.get("prune"):
        raise InputError("--prune drops samples that an import made; --attach makes none: leave it out.")
    opened = open_store(store)
    found = read_vectors(path, how, described=False)
    with opened.writer(wait) as writer:
        return attach_vectors(path, found, writer, _target(options), options["attach"])


def _vector_options(options: Mapping[str, Any]) -> VectorOptions:
    names = {key: options.get(key) for key in VectorOptions.model_fields}
    return VectorOptions.read({key: value for key, value in names.items() if value is not None}, "import-vectors")


def _target(options: Mapping[str, Any]) -> ImportTarget:
    return ImportTarget(options.get("space_name"), options.get("space"), prune=bool(options.get("prune")))


def import_bank_file(path: Path, store: str, options: Mapping[str, Any], *, wait: float) -> Bank:
    """Import a bank as the command line says it; see ``import-vectors --help``."""
    for key in ("vectors", "classes"):
        if not options.get(key):
            raise InputError(f"{path}: a bank needs --{key}, the array of {key}.")
    names = {key: options.get(key) for key in BankOptions.model_fields}
    how = BankOptions.read({key: value for key, value in names.items() if value is not None}, "import-vectors")
    with open_store(store).writer(wait) as writer:
        return import_bank(path, writer, how, name=options.get("bank_name"), space=options.get("space"))
