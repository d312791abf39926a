"""The commands ``prompts make | merge | clean | diff | lint``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retrieval.commands.options import json_option, note, print_document, print_json, print_line, print_tables
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.prompts.attributes import Attributes
    from eval.prompts.making import GeneratedPrompts
    from eval.prompts.sets import PromptSet
    from retrieval.encoders.text_tokens import CutTexts

FILE = click.Path(path_type=Path, dir_okay=False)
out_option = click.option("--out", type=FILE, help="Write the set to this file (JSON); else it is printed.")


@click.group("prompts")
def prompts_group() -> None:
    """Make, merge, clean, compare and check prompt sets: JSON, {"class": ["a text", ...]}."""


@prompts_group.command("make")
@click.option("--names", type=FILE, help="Classes: labels.tsv, one name a line, or JSON.")
@click.option("--store", metavar="STORE", help="Take the labels of this store's samples as the classes.")
@click.option(
    "--template", "template_texts", multiple=True, metavar="TEXT", help="Such as 'a photo of a {name}'; repeatable."
)
@click.option("--templates", type=FILE, help="Templates: one a line, or a JSON list.")
@click.option("--attributes", type=FILE, help="Table of attributes by class (JSON, CSV, TSV), for {attribute} fields.")
@click.option("--colours-from", metavar="STORE", help="Look up {colour} in thumbnails of this store's train images.")
@click.option("--colours", type=click.IntRange(1, 14), default=3, show_default=True, help="Colours of a class at most.")
@click.option("--net-new", "baseline", type=FILE, help="Leave out what this set has already: a delta.")
@out_option
@json_option
def make_command(
    names: Path | None,
    store: str | None,
    template_texts: tuple[str, ...],
    templates: Path | None,
    attributes: Path | None,
    colours_from: str | None,
    colours: int,
    baseline: Path | None,
    out: Path | None,
    as_json: bool,  # noqa: FBT001 - Click passes flags by name
) -> None:
    """Fill templates with class names and attributes.

    {name} is the class, with spaces for underscores; any other field is an attribute. Several values make several
    prompts; a class without the attribute gets no prompt of that template. Example: prompts make --names labels.tsv
    --template "a photo of a {colour} {name}" --attributes attributes.csv --out prompts.json
    """
    from eval.prompts.attributes import join_attributes, read_attributes
    from eval.prompts.making import from_templates, read_templates
    from eval.prompts.sets import net_new, read_prompts

    if names is None and store is None and colours_from is None:
        raise click.UsageError("Name the classes: --names FILE, --store STORE, or --colours-from STORE.")
    if names is not None and store is not None:
        raise click.UsageError("Classes come from one place: --names or --store.")
    if not template_texts and templates is None:
        raise click.UsageError("Give a --template such as 'a photo of a {name}', or --templates FILE.")
    colours_of_class, labels = _colours(colours_from, colours) if colours_from is not None else ({}, ())
    table = join_attributes(read_attributes(attributes) if attributes else {}, colours_of_class)
    classes = _universe(names, store) if names or store else labels
    if not classes:
        raise InputError("The store has no labelled sample to take classes from; give `names`.")
    texts = (*template_texts, *(read_templates(templates) if templates else ()))
    generated = from_templates(classes, texts, table, name=out.stem if out else "prompts")
    _note_skipped(generated, len(classes))
    prompts = net_new(read_prompts(baseline), generated.prompts) if baseline else generated.prompts
    skipped = [{"template": skip.template, "classes": len(skip.classes)} for skip in generated.skipped]
    _deliver(prompts, out, {"skipped": skipped}, as_json=as_json)


@prompts_group.command("merge")
@click.argument("files", nargs=-1, required=True, type=FILE)
@out_option
@json_option
def merge_command(files: tuple[Path, ...], out: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Put prompt sets together, each text of a class once."""
    from eval.prompts.sets import merge, read_prompts

    sets = [read_prompts(path) for path in files]
    merged = merge(sets, out.stem if out else "+".join(prompts.name for prompts in sets))
    _deliver(merged, out, {"repeated": merged.repeated}, as_json=as_json)


@prompts_group.command("clean")
@click.argument("file", type=FILE)
@out_option
@json_option
def clean_command(file: Path, out: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Repair HTML entities, underscores, doubled words, loose commas, spaces, and characters that do not print."""
    from eval.prompts.cleaning import clean
    from eval.prompts.sets import read_prompts

    cleaned = clean(read_prompts(file))
    counts = {"changed": cleaned.changed, "empty": cleaned.empty, "repeats": cleaned.repeats}
    note(", ".join(f"{n:,} {name}" for name, n in counts.items()) + " (empty ones and repeats are left out).")
    _deliver(cleaned.prompts, out, counts, as_json=as_json)


@prompts_group.command("diff")
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
@click.option("--out", type=FILE, help="Write what AFTER has and BEFORE lacks: the delta, a prompt set (JSON).")
@json_option
def diff_command(before: Path, after: Path, out: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Show what AFTER has that BEFORE lacks, what it dropped, and what is only written otherwise, by class."""
    from eval.prompts.describe import difference_data, difference_table
    from eval.prompts.diff import difference
    from eval.prompts.sets import net_new, read_prompts
    from retrieval.files import write_atomically

    first, second = read_prompts(before), read_prompts(after)
    differences = difference(first, second)
    if as_json:
        print_json(difference_data(differences))
    elif differences.classes:
        print_tables([difference_table(differences)])
    else:
        note(f"No difference: {differences.same:,} prompts are the same.")
    if out is not None:
        delta = net_new(first, second)
        write_atomically(out, delta.to_json())
        note(f"{len(delta):,} net-new prompts: {out}")


@prompts_group.command("lint")
@click.argument("file", type=FILE)
@click.option("--labels", type=FILE, help="Label universe: labels.tsv, one name a line, or JSON.")
@click.option("--store", metavar="STORE", help="Take the labels of this store's samples.")
@json_option
def lint_command(file: Path, labels: Path | None, store: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Count a prompt set and show what somebody should look at.

    Classes without prompts and prompts without a class (with --labels or --store), texts of several classes, repeats,
    placeholders left in, another class's name in a text, unclean texts, texts beyond CLIP's 77 tokens, and with --store
    those beyond what the text towers of its spaces read.
    """
    from eval.prompts.check import coverage, match_names, renaming_note
    from eval.prompts.describe import lint_data, lint_lines
    from eval.prompts.lint import lint
    from eval.prompts.sets import read_prompts

    if labels is not None and store is not None:
        raise click.UsageError("Labels come from one place: --labels or --store.")
    prompts, cover = read_prompts(file), None
    if labels is not None or store is not None:
        classes = _universe(labels, store)
        if matched := match_names(prompts.classes, classes):
            note(renaming_note(matched))
        cover = coverage(prompts.renamed(matched), classes)
    report = lint(prompts)
    cut = _cut_by_space(prompts, store) if store is not None else {}
    if as_json:
        print_json(
            {**lint_data(report, cover), "cut_by_space": {name: len(texts.tokens) for name, texts in cut.items()}}
        )
        return
    print_line("\n".join(lint_lines(report, cover)))
    for name, texts in cut.items():
        n, end = len(texts.tokens), f"beyond the {texts.context} tokens that space {name} reads"
        print_line(f"check  {n:,} of {len(prompts.unique_texts):,} texts {end}" if n else f"ok     no text {end}")


def _cut_by_space(prompts: PromptSet, store: str) -> dict[str, CutTexts]:
    """Find the texts that the text towers of a store's spaces cut, by name of the space."""
    from retrieval.encoders.text_tokens import context_of, cut_texts, has_text_tower
    from retrieval.store.open import open_store

    with open_store(store).snapshot() as snapshot:
        spaces = [space for space in snapshot.spaces if has_text_tower(space.spec)]
    return {
        space.name: cut_texts(prompts.unique_texts, space.spec)._replace(context=context_of(space.spec) or 0)
        for space in spaces
    }


def _deliver(prompts: PromptSet, out: Path | None, more: Mapping[str, Any], *, as_json: bool) -> None:
    """Write the set to ``out`` and report its size, or print the set; ``more`` is added to the report in JSON."""
    from retrieval.files import write_atomically

    counts = {"prompts": len(prompts), "classes": len(prompts.classes), "texts": len(prompts.unique_texts)}
    if out is None:
        print_document(prompts.to_json())
        return
    write_atomically(out, prompts.to_json())
    if as_json:
        print_json({"out": str(out), **counts, **more})
    else:
        note(f"{counts['prompts']:,} prompts of {counts['classes']:,} classes, {counts['texts']:,} unique texts: {out}")


def _colours(store: str, most: int) -> tuple[Attributes, tuple[str, ...]]:
    """Read the colours of a store's classes, and its labels."""
    from eval.prompts.check import name_list, plural
    from eval.prompts.store import class_colours, store_classes
    from retrieval.store.open import open_store

    with open_store(store).snapshot() as snapshot:
        by_class = class_colours(snapshot, most)
        labels = store_classes(snapshot)
    note(f"Colours of {plural(len(by_class.attributes), 'class', 'classes')} from {by_class.images:,} train images.")
    if missing := by_class.without_thumbnails:
        note(f"{plural(len(missing), 'class', 'classes')} without thumbnails: {name_list(missing)}.")
    return by_class.attributes, labels


def _universe(labels: Path | None, store: str | None) -> tuple[str, ...]:
    """Read the label universe from a file of names or from a store."""
    if labels is not None:
        from retrieval.labels import read_class_names

        return read_class_names(labels)
    from eval.prompts.store import store_classes
    from retrieval.store.open import open_store

    with open_store(str(store)).snapshot() as snapshot:
        return store_classes(snapshot)


def _note_skipped(generated: GeneratedPrompts, classes: int) -> None:
    """Report skipped templates, unused attributes and classes without prompts."""
    from eval.prompts.check import name_list

    for skip in generated.skipped:
        count = f"{len(skip.classes)} of {classes} classes"
        note(f"'{skip.template}' is left out for {count}, which lack an attribute of it.")
    if generated.unused:
        note(f"Attributes of {len(generated.unused)} other classes are not used: {name_list(generated.unused)}.")
    if empty := [label for label, texts in generated.prompts.prompts.items() if not texts]:
        note(f"{len(empty)} classes have no prompt: {name_list(empty)}.")
