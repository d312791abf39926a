"""The commands ``index`` and ``import-vectors``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.commands.option_table import OptionSection, option_rows, print_sections
from retrieval.commands.options import (
    device_option,
    json_option,
    max_pixels_option,
    note,
    print_json,
    print_line,
    store_option,
)
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.pipeline.report import IndexReport
    from indexers.vectors.attach_vectors import AttachReport
    from indexers.vectors.import_vectors import BankReport, ImportReport

PARTLY = 3
"""Exit status if existing files could not be read, or have flaws; all others were indexed."""

SHOWN_FAILURES = 10


def _known_source(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Raise a usage error for an unknown kind of source, with the most similar name."""
    if value is not None:
        from indexers.sources.registry import SOURCES

        if value not in SOURCES:
            from retrieval.errors import suggest

            kinds = ", ".join(SOURCES)
            raise click.BadParameter(f"no source '{value}'.{suggest(value, SOURCES)} There is: {kinds}.", ctx, param)
    return value


@click.command("index")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "--source",
    callback=_known_source,
    help="folder, imagefolder, manifest, wildlife, coco, yolo, gbif, inaturalist, parquet, webdataset, hands11k, "
    "pattern or prepared. Guessed when it is plain.",
)
@click.option("--source-name", help="Name that makes the samples' ids; default: kind and folder name.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Tables: their own name of a field.")
@click.option("--image-root", type=click.Path(path_type=Path), help="Tables: folder that holds the images.")
@click.option("--pattern", metavar="REGEX", help=r"Pattern of names: '(?P<identity>\d+)_c(?P<camera>\d+)'.")
@click.option("--preset", help="Known data set whose file names are read: market1501, msmt17, veri, ...")
@click.option(
    "--split",
    multiple=True,
    metavar="WORD=SPLIT",
    help="What a word of a folder or column means: Training=train, val=test, WORD=none. Usual words are known. A split "
    "alone (train) is that of all samples.",
)
@click.option(
    "--levels", metavar="LEVEL/...", help="What levels of folders are: split/label, _/label, identity/camera."
)
@click.option(
    "-s", "--source-option", "source_options", multiple=True, metavar="KEY=VALUE", help="Option of the source."
)
@click.option("--options", "list_options", is_flag=True, help="List what -s takes, by source.")
@click.option(
    "--encoder",
    metavar="NAME|FAMILY/MODEL[:WEIGHTS]|hf-hub:REPO|PATH",
    help="bioclip-2, dinov2, timm/resnet50:a1_in1k, hf-hub:ORG/REPO or the path of a folder or file; 'vitrine encoders "
    "[WORD]' lists names.",
)
@click.option("--weights", metavar="TAG|FILE|hf-hub:REPO", help="Weights of the encoder.")
@click.option("--random-init", type=int, metavar="SEED", help="Random weights instead.")
@click.option(
    "--preprocess",
    multiple=True,
    metavar="FILE|KEY=VALUE",
    help="Override the model's own: img_size=224, or resize=440,crop=384,mean=.48/.46/.41,std=.27/.26/.28,"
    "interpolation=bilinear,mode=squash (or shortest, longest), fill=0; or a YAML or JSON file of these.",
)
@click.option(
    "--class-names",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Names of the classifier's outputs in their order: one a line, INDEX<TAB>NAME, or JSON. For a space that is "
    "indexed already this only names its classifier.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
    default="auto",
    show_default=True,
    help="auto decides by device and CPU, once per space.",
)
@click.option(
    "--crop",
    metavar="POLICY",
    help="What the encoder sees of a box: box (default), box+context(0.3), full+box, circle, blur-outside(0.03), "
    "full+crop. Each is a space of its own.",
)
@click.option("--views", default="base", show_default=True, help="Views to store: base, hflip, preproj.")
@max_pixels_option("an image")
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; default: one per core.")
@click.option(
    "--commit-seconds", type=click.FloatRange(min=0), default=20.0, show_default=True, help="Work a kill may cost."
)
@click.option("--prune", is_flag=True, help="Drop samples whose files or rows are gone.")
@click.option("--include-forgotten", is_flag=True, help="Take in images that were forgotten.")
@click.option(
    "--no-thumbnails",
    "thumbnails",
    flag_value=False,
    default=True,
    help="Store no small pictures (sensitive or very large sets).",
)
@click.option(
    "--wait", type=click.FloatRange(min=0), default=600.0, show_default=True, help="Seconds to wait for another writer."
)
@store_option
@device_option
@json_option
def index_command(
    path: Path | None,
    store: str,
    list_options: bool,  # noqa: FBT001 - Click passes flags by name
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Embed the images of PATH into a store. Images that are embedded already are skipped."""
    if list_options:
        print_sections(source_sections(options["source"]), as_json=as_json)
        return
    if path is None:
        raise click.MissingParameter(param_hint="'PATH'", param_type="argument")
    if not as_json:
        encoder = f" and PyTorch for {options['encoder']}" if options["encoder"] else ""
        note(f"Loading the store {store}{encoder} ...")  # before the imports, which take seconds
    from indexers.jobs import index_images
    from indexers.requests import IndexRequest
    from retrieval.config import parse_assignments

    options["columns"] = _columns(options["columns"])
    options["source_options"] = parse_assignments(options["source_options"], "--source-option")
    request = IndexRequest.read({**options, "path": path, "quiet": as_json}, "index")
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        note(line)

    report = index_images(request, store, tell)
    for line in report.notes:
        if line not in told:
            note(line)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    if report.interrupted:
        note("Stopped; what is done is kept. Run the same command again to go on.")
        raise click.exceptions.Exit(1)
    if report.failures or report.flaws:
        raise click.exceptions.Exit(PARTLY)


def _columns(pairs: tuple[str, ...]) -> dict[str, str | None]:
    """Parse pairs ``FIELD=NAME``; an empty name is None."""
    columns: dict[str, str | None] = {}
    for pair in pairs:
        field, equals, name = pair.partition("=")
        if not equals:
            raise InputError(f"--column '{pair}' is not FIELD=NAME, for example --column filepath=image.")
        columns[field.strip()] = name.strip() or None
    return columns


def source_sections(kind: str | None) -> list[OptionSection]:
    """Return the options of a kind of source, or of all kinds that have options."""
    from indexers.sources.registry import SOURCES, load_source

    rows = {name: tuple(option_rows(load_source(name).Options)) for name in ([kind] if kind else SOURCES)}
    return [OptionSection(f"Source {name}: -s KEY=VALUE", options) for name, options in rows.items() if options or kind]


def _print_report(report: IndexReport) -> None:
    rate = f" ({report.embedded / report.seconds:.1f}/s)" if report.embedded and report.seconds else ""
    parts = [f"{report.embedded:,} embedded{rate}"]
    parts += [
        f"{number:,} {word}"
        for number, word in (
            (report.unchanged, "unchanged"),
            (report.reused, "with content already embedded"),
            (report.relabelled, "relabelled"),
            (report.vanished - report.pruned, "no longer in the source (--prune drops them)"),
            (report.pruned, "dropped"),
            (len(report.failures), "unreadable"),
            (len(report.flaws), "with a flaw that costs no sample"),
        )
        if number
    ]
    where = f" in space {report.space}" if report.space else ""
    now = f"store has {report.samples:,} samples, version {report.store_version}, {report.seconds:.1f} s"
    print_line(f"{report.source}: {', '.join(parts)}{where}; {now}")
    print_line(_contents_line(report))
    if report.left_out:
        from retrieval.types import SourceTally

        left_out = SourceTally(left_out=report.left_out, first=report.left_out_first)
        print_line(f"Left out {report.seen - report.taken:,} of {report.seen:,} seen: {left_out}.")
    _tell_first("unreadable", report.failures)
    _tell_first("flaw", report.flaws)


def _tell_first(word: str, problems: Mapping[str, str]) -> None:
    for name, reason in list(problems.items())[:SHOWN_FAILURES]:
        note(f"{word}: {name}: {reason}")
    if len(problems) > SHOWN_FAILURES:
        note(f"... and {len(problems) - SHOWN_FAILURES} more; 'info --json' lists all.")


def _contents_line(report: IndexReport) -> str:
    """Return one line that says how many labels, identities and cameras the source has, and which splits."""
    fields = (("label", report.labels), ("identity", report.identities), ("camera", report.cameras))
    plurals = {"identity": "identities"}
    parts = [f"{n:,} {name if n == 1 else plurals.get(name, f'{name}s')}" for name, n in fields if n]
    splits = ", ".join(f"{name} {n:,}" for name, n in report.splits.items())
    return f"{', '.join(parts) or 'no labels, no identities'}; {f'splits {splits}' if splits else 'no splits'}"


@click.command("import-vectors")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--as", "kind", type=click.Choice(["vectors", "bank"]), default="vectors", show_default=True)
@click.option(
    "--vectors",
    help="Array (.npz, .mat, .pt), or QUERY,GALLERY for two, and so for the fields; column of lists (Parquet); columns "
    "of numbers: 'margin*,shape*,area' (CSV, too); img_emb or text_emb (clip-retrieval).",
)
@click.option(
    "--attach", metavar="SOURCE", help="The vectors belong to images indexed already: source, as 'info' shows it."
)
@click.option("--metadata", type=click.Path(path_type=Path), help="Table beside an .npy file, one row per vector.")
@click.option("--filepath", help="Array or column that names the rows; with --attach: paths, or names, of the images.")
@click.option("--label", help="Array or column of labels.")
@click.option("--identity", help="Array or column of identities.")
@click.option("--camera", help="Array or column of cameras.")
@click.option("--group", help="Array or column of groups.")
@click.option("--aspect", help="Array or column of aspects.")
@click.option("--split", help="Array or column of splits.")
@click.option("--captured-at", help="Array or column of times.")
@click.option("--vector-length", help="Array or column of the lengths of vectors before they were made of length one.")
@click.option("--classes", help="Bank: array of class names (of each vector, or counted into by --class-index).")
@click.option("--class-index", help="Bank: array of whole numbers into --classes, one per vector.")
@click.option("--texts", help="Bank: array of texts.")
@click.option("--bank-name", help="Bank: its name; default: the file's.")
@click.option("--space-name", help="Name of the new space; default: the file's.")
@click.option("--space", help="Imported space to add to; for a bank, the space it belongs to.")
@click.option("--prune", is_flag=True, help="Drop rows of an earlier import of this file that it no longer has.")
@click.option("--include-forgotten", is_flag=True, help="Take in rows that were forgotten.")
@click.option(
    "--wait", type=click.FloatRange(min=0), default=600.0, show_default=True, help="Seconds to wait for another writer."
)
@store_option
@json_option
def import_command(path: Path, store: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001
    """Import vectors computed elsewhere into a store.

    They are read from .npz, .npy with a table, .mat, .pt (no code is run), CSV, TSV, Parquet, or a folder of
    clip-retrieval. Arrays query and gallery (and query_identity, gallery_identity, query_camera, ...) need no options,
    and neither does what export-vectors wrote.

    With --attach the vectors are stored for images that are indexed already, so that both spaces can be fused. Rows
    are matched to images by path, else by file name, else by the name without folder and suffix. Images with the same
    content have one vector: that of the first row.
    """
    from indexers.jobs import import_file
    from indexers.requests import ImportRequest

    given = {name: value for name, value in options.items() if value is not None}
    report = import_file(ImportRequest.read({**given, "path": path}, "import-vectors"), store)
    for line in getattr(report, "notes", ()):
        note(line)
    if as_json:
        print_json(report.to_dict())
    else:
        print_line(_import_line(report))


def _import_line(report: ImportReport | AttachReport | BankReport) -> str:
    """Return one line that summarises an import."""
    from indexers.vectors.attach_vectors import AttachReport
    from indexers.vectors.import_vectors import BankReport

    if isinstance(report, BankReport):
        return f"Bank {report.bank}: {report.vectors:,} vectors for {report.classes:,} classes"
    if isinstance(report, AttachReport):
        matched = (
            f"{report.matched:,} of {report.rows:,} rows matched by {report.matched_by}, {report.vectors:,} new vectors"
        )
        lacking = f", {report.lacking:,} images without a vector" if report.lacking else ""
        return f"Space {report.space} over {report.source}: {matched}{lacking}; version {report.store_version}"
    new = f"{report.vectors:,} new vectors, {report.samples:,} new samples, {report.changed:,} changed"
    if report.vanished:
        outcome = "dropped" if report.pruned else "kept though the file no longer has them (--prune drops them)"
        new += f", {report.vanished:,} {outcome}"
    return f"Space {report.space}: {report.rows:,} rows, {new}; version {report.store_version}"
