"""Cases of re-identification and verification."""

from __future__ import annotations

from tests.bench.golden.case import Case, command, evaluations

REID_PEOPLE = {
    "fixed": "",
    "fixed-seed": "--seed 3",
    "trapezoid": "-o ap_method=trapezoid",
    "sklearn": "-o ap_method=sklearn",
    "at-r": "-o ap_method=at_r",
    "at-k": "-o ap_method=at_k",
    "at-k-n": "-o ap_method=at_k -o ap_k=5 -o ap_denominator=n",
    "at-k-hits": "-o ap_method=at_k -o ap_k=5 -o ap_denominator=hits",
    "pessimistic": "-o ties=pessimistic",
    "optimistic": "-o ties=optimistic",
    "expected": "-o ties=expected",
    "denominator-all": "-o denominator=all -o group_rule=exclude",
    "camera-none": "-o camera_rule=none",
    "camera-market": "-o camera_rule=market1501",
    "group-exclude": "-o group_rule=exclude",
    "junk": "-o junk_identities=-1 -o distractor_identities=0000",
    "identity-columns": "-o identity_columns=identity,aspect -o denominator=all",
    "ranks": "-o ranks=1,2,3,20 -o cmc_length=12",
    "no-bootstrap": "-o bootstrap=0",
    "slice-camera": "-o slice=camera",
    "slice-aspect": "-o slice=aspect -o ties=expected",
    "all-definitions": "--all-definitions",
    "reciprocal": "-o rerank=k-reciprocal",
    "reciprocal-options": "-o rerank=k-reciprocal -o k1=8 -o k2=3 -o lambda=0.5",
    "alpha-qe": "-o rerank=alpha-qe",
    "alpha-qe-options": "-o rerank=alpha-qe -o n=4 -o alpha=1",
    "score-norm-z": "-o score_norm=z",
    "score-norm-s": "-o score_norm=s",
    "where": "--where \"camera <> 'c3'\"",
    "aspect": "--protocol monte-carlo --aspect left -o draws=3",
    "aspect-all": "--protocol monte-carlo --aspect all -o draws=3 -o camera_rule=none",
    "named": "--protocol fixed",
    "market1501": "--protocol market1501",
    "market1501-departs": "--protocol market1501 -o ap_method=trapezoid -o junk_identities=",
    "cuhk03": "--protocol cuhk03",
    "cuhk03-draws": "--protocol cuhk03 -o draws=4 --seed 1",
    "monte-carlo": "--protocol monte-carlo",
    "monte-carlo-seed": "--protocol monte-carlo -o draws=3 --seed 5 -o camera_rule=none",
    "leave-one-out": "--protocol leave-one-out",
    "leave-one-out-reciprocal": "--protocol leave-one-out -o rerank=k-reciprocal -o k1=6",
    "cross-aspect": "--protocol cross-aspect -o query_aspect=left -o gallery_aspect=right",
}

REID_HANDS = {
    "clipfh-one": '--protocol clipfh-11k --aspect "dorsal right"',
    "clipfh-all": "--protocol clipfh-11k --aspect all",
    "clipfh-departs": "--protocol clipfh-11k -o ap_method=trapezoid -o draws=4 -o views=base,hflip",
    "clipfh-slice": "--protocol clipfh-11k -o slice=meta_gender -o draws=3",
    "clipfh-definitions": "--protocol clipfh-11k -o draws=2 --all-definitions",
    "clipfh-score-norm": "--protocol clipfh-11k -o draws=2 -o score_norm=s",
    "mbanet-one": '--protocol mbanet-11k --aspect "palmar left"',
    "mbanet-all": "--protocol mbanet-11k --aspect all",
    "mirror": '--protocol cross-aspect -o query_aspect="dorsal left" -o gallery_aspect="dorsal right" -o mirror=true',
    "split-set-file": "--split-set {inputs}/split_set.csv",
}

VERIFICATION_PEOPLE = {
    "fixed": "",
    "fpr": "-o fpr=0.05,0.2 -o threshold_fmr=0.05",
    "threshold-val": "-o threshold_from=val",
    "threshold-both": "-o threshold_from=val,train",
    "threshold-none": "-o threshold_from=none",
    "open-set": "-o unknown=0.3",
    "open-set-fpir": "-o unknown=0.5 -o fpir=0.05,0.3 --seed 2",
    "all-pairs": "-o pairs=all",
    "camera-none": "-o camera_rule=none",
    "camera-market": "-o camera_rule=market1501 -o junk_identities=-1",
    "identity-columns": "-o identity_columns=identity,aspect -o camera_rule=none",
    "junk": "-o junk_identities=-1 -o distractor_identities=0000",
    "slice": "-o slice=aspect",
    "slice-open": "-o slice=camera -o unknown=0.3",
    "no-bootstrap": "-o bootstrap=0",
    "market1501": "--protocol market1501",
    "monte-carlo": "--protocol monte-carlo -o draws=3 -o unknown=0.2",
    "cuhk03": "--protocol cuhk03 -o draws=2",
    "cross-aspect": "--protocol cross-aspect -o query_aspect=left -o gallery_aspect=right -o draws=2",
    "aspect-all": "--protocol monte-carlo --aspect all -o draws=2 -o camera_rule=none",
    "where": "--where \"camera <> 'c3'\"",
}

VERIFICATION_HANDS = {
    "clipfh-one": '--protocol clipfh-11k --aspect "dorsal left" -o draws=3',
    "clipfh-all": "--protocol clipfh-11k -o draws=3 -o unknown=0.2",
    "views": "--protocol clipfh-11k -o draws=2 -o views=base,hflip",
    "mbanet-all": "--protocol mbanet-11k -o draws=2 -o bootstrap=100",
}


def cases() -> list[Case]:
    """All of them, and what reads the result files of some."""
    tiny = "--space vitrine-tiny"
    return [
        *evaluations("people", "reid", "people", REID_PEOPLE),
        *evaluations(
            "people", "reid", "people", {"bootstrap": "-o bootstrap=200 --seed 1", "index-exact": "-o index=exact"}
        ),
        *evaluations("world", "reid", "world", REID_HANDS, tiny),
        *evaluations("world", "reid", "world", {"resnet": "--protocol clipfh-11k -o draws=3"}, "--space resnet18"),
        *evaluations("sittings", "reid", "sittings", {"leave-one-out": "--protocol leave-one-out"}),
        *evaluations(
            "hd",
            "reid",
            "hd",
            {"hd": "--protocol hd -o views=base", "draws": "--protocol hd -o views=base -o draws=3 --seed 4"},
        ),
        *evaluations("hd", "verification", "hd", {"hd": "--protocol hd -o views=base -o draws=3 -o unknown=0.2"}),
        *evaluations("people", "verification", "people", VERIFICATION_PEOPLE),
        *evaluations("world", "verification", "world", VERIFICATION_HANDS, tiny),
        *evaluations(
            "market", "reid", "market", {"market1501": "--protocol market1501", "cuhk03": "--protocol cuhk03"}
        ),
        *_files(),
    ]


def _files() -> list[Case]:
    """Result files: written, read again, compared; split sets by name and as a file."""
    world, people = "--store {stores}/world --json", "--store {stores}/people --json"
    clipfh = "--space vitrine-tiny --protocol clipfh-11k -o draws=3"
    compared = "compare --spaces vitrine-tiny resnet18"
    lines = {
        "write-tiny": f"eval --mode reid {clipfh} --out {{out}}/tiny.json {world}",
        "write-resnet": "eval --mode reid --space resnet18 --protocol clipfh-11k -o draws=3 "
        f"--out {{out}}/resnet.json {world}",
        "write-verification": f"eval --mode verification {clipfh} --out {{out}}/pairs.json {world}",
        "again": f"eval --from {{out}}/tiny.json {world}",
        "again-verification": f"eval --from {{out}}/pairs.json {world}",
        "compare-files": f"compare {{out}}/tiny.json {{out}}/resnet.json {world}",
        "compare-spaces": f"{compared} --protocol clipfh-11k -o draws=2 {world}",
        "compare-aspect": f'{compared} --protocol clipfh-11k --aspect "palmar left" --seed 1 {world}',
        "compare-rerank": f"{compared} --protocol leave-one-out -o rerank=alpha-qe -o n=3 {world}",
        "split-set-list": f"splits list {world}",
        "split-set-name": f"eval --mode reid --split-set monte-carlo/seed5 -o draws=3 {people}",
        "split-set-fixed": "eval --mode reid --protocol fixed --space resnet18 --split-set {inputs}/split_set.csv "
        f"{world}",
        "split-set-export": "splits export split_set --out {out}/splits.csv --store {stores}/world",
        "split-set-export-drawn": "splits export monte-carlo/seed5 --out {out}/drawn.csv --store {stores}/people",
    }
    files = {
        "write-tiny": ("tiny.json",),
        "write-resnet": ("resnet.json",),
        "write-verification": ("pairs.json",),
        "split-set-export": ("splits.csv",),
        "split-set-export-drawn": ("drawn.csv",),
    }
    return [command(f"files/ranking/{name}", text, files=files.get(name, ())) for name, text in lines.items()]
