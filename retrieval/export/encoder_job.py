"""Export the image encoder of a space to an ONNX file, and compare it with the store."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from retrieval.encoders.onnx_encoder import SIDECARS, SUFFIX
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError, NetworkError, VitrineError, WeightsError, unknown
from retrieval.export.encoder_graph import require_onnx, write_graph
from retrieval.export.encoder_report import EncoderExportReport
from retrieval.export.retention import measure_retention
from retrieval.files import check_new, make_folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retrieval.export.encoder_request import EncoderExportRequest
    from retrieval.types import Encoder, EncoderSpec, Preprocess, SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot

ALREADY, IMPORTED = "onnx", "imported"


def export_encoder(store: EmbeddingStore, request: EncoderExportRequest) -> EncoderExportReport:
    """Write the image encoder of a space; the files appear when they are complete and were compared.

    Raises:
        UnknownNameError: there is no such space, or ``out`` does not end in .onnx.
        InputError: several spaces match, the encoder cannot be exported, or ``out`` exists or cannot be written.
        MissingDependencyError: a package is not installed.
        MissingFileError, WeightsError, NetworkError: the weights of the encoder cannot be used.
    """
    with store.snapshot() as snapshot:
        space = snapshot.space(request.space)
        _require_network(space)
        require_onnx()
        if request.out.suffix != SUFFIX:
            raise unknown("format of exported encoders with the suffix", request.out.suffix, [SUFFIX])
        sidecar = request.out.with_suffix(SIDECARS[0])
        if request.out.is_dir():
            raise InputError(f"{request.out} is a folder; name a file in it.")
        for path in (request.out, sidecar):
            check_new(path, force=request.force)
        make_folder_of(request.out, "`out`")
        plain = _loaded(space, replace(space.spec, precision="fp32"))
        with _placing(request.out, sidecar) as part:
            weights_bytes = write_graph(plain, request.precision, part, _metadata(space, request))
            assert space.spec.preprocess is not None  # noqa: S101 - looked at by _require_network
            part.with_suffix(SIDECARS[0]).write_text(_preprocess_text(space.spec.preprocess), encoding="utf-8")
            original = plain if plain.spec.precision == space.spec.precision else _loaded(space, space.spec)
            report = _report(snapshot, space, request, part, original)
            return replace(report, weights_bytes=weights_bytes)


def _require_network(space: SpaceInfo) -> None:
    """Check that the encoder of a space is a network of torch, also below an adapter.

    Raises:
        InputError: it is not.
    """
    from retrieval.encoders.adapter import FAMILY_NAME, read_adapter
    from retrieval.encoders.artefact import FOLDER

    spec = space.spec
    while spec.family == FAMILY_NAME and spec.preprocess is not None:
        spec = read_adapter(Path(spec.weights.removeprefix(FOLDER))).parent
    if spec.family == IMPORTED or spec.preprocess is None:
        raise InputError(f"The vectors of space {space.name} were imported: it has no encoder that could be exported.")
    if spec.family == ALREADY:
        raise InputError(
            f"The encoder of space {space.name} is an ONNX file already ({spec.weights.removeprefix('file:')}); use "
            "that file."
        )


def _loaded(space: SpaceInfo, spec: EncoderSpec) -> Encoder:
    try:
        return load(spec, "cpu")
    except (MissingFileError, NetworkError, WeightsError) as error:
        raise type(error)(
            f"Space {space.name} cannot be exported without the weights of its encoder ({str(error).rstrip('.')})."
        ) from None


def _report(
    snapshot: Snapshot, space: SpaceInfo, request: EncoderExportRequest, part: Path, original: Encoder
) -> EncoderExportReport:
    """Load the file as ``index`` does, and compare it."""
    exported = load(resolve(EncoderRequest(f"{ALREADY}/{part}", device="cpu")), "cpu")
    kept = None
    if request.limit:
        kept = measure_retention(snapshot, space, exported, original, request.limit, quiet=request.quiet)
    return EncoderExportReport(
        out=str(request.out),
        preprocess=str(request.out.with_suffix(SIDECARS[0])),
        space=space.name,
        precision=request.precision,
        space_precision=space.spec.precision,
        dimension=exported.dimension,
        bytes=part.stat().st_size,
        weights_bytes=0,
        crop=space.spec.crop,
        views=space.views,
        retention=kept,
    )


def _metadata(space: SpaceInfo, request: EncoderExportRequest) -> dict[str, str]:
    """Return what the file says of itself."""
    spec = space.spec
    return {
        "description": f"image encoder {spec.family}/{spec.model} in {request.precision}, by Vitrine",
        "space": space.name,
        "fingerprint": space.fingerprint,
        "weights_digest": spec.weights_digest,
        "licence": spec.licence or "",
    }


def _preprocess_text(preprocess: Preprocess) -> str:
    """Return the file of preprocessing, with the keys of the option ``preprocess``."""
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(preprocess).items()}
    return yaml.safe_dump(values, sort_keys=False, default_flow_style=None)


@contextmanager
def _placing(out: Path, sidecar: Path) -> Iterator[Path]:
    """Yield the path of a file in a temporary folder; it and its sidecar move beside ``out`` if all goes well.

    Raises:
        InputError: they cannot be written.
    """
    folder = out.with_name(f".{out.name}.part")
    shutil.rmtree(folder, ignore_errors=True)  # of an export that was killed
    try:
        folder.mkdir()
        yield folder / out.name
        (folder / sidecar.name).replace(sidecar)
        (folder / out.name).replace(out)
    except VitrineError:  # some of which are an OSError, too
        raise
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror or error}); choose another place for `out`."
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
