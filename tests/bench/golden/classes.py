"""Cases of the five modes of classification."""

from __future__ import annotations

from tests.bench.golden.case import STACKER_TOLERANCE, Case, command, evaluations

PROMPTS = "--prompts {inputs}/species/prompts_attr_clean.json"
SEVERAL = "--prompts {inputs}/species/prompts_attr_clean.json {inputs}/species/prompts_plain.json"
TEXT = f"--arm text=vitrine-tiny:prompts shots=vitrine-tiny:linear {PROMPTS}"
MANIFEST = "--where \"source = 'manifest:species/manifest'\""
"""The samples that both spaces have."""

TWO = "--arm tiny=vitrine-tiny:prototype net=resnet18:prototype"

ZEROSHOT = {
    "one-set": PROMPTS,
    "several-sets": SEVERAL,
    "joined-sets": "--prompts {inputs}/species/prompts_plain.json+{inputs}/species/prompts_delta.json",
    "combine": f"{SEVERAL} -o combine=true",
    "pools": f"{PROMPTS} -o pool=mean-embedding,softmax,max,mean-score",
    "temperatures": f"{PROMPTS} -o pool=softmax -o temperature=0.01,0.1,1",
    "sweep": f"{SEVERAL} -o pool=softmax,max -o temperature=sweep",
    "class-temperature": f"{PROMPTS} -o class_temperature=1.0",
    "side-by-side": f"{SEVERAL} -o choose=none -o pool=max,mean-score",
    "text-to-image": f"{PROMPTS} -o text_to_image=true",
    "calibrate": f"{PROMPTS} --calibrate",
    "top-5": f"{SEVERAL} -o pool=softmax,max -o criterion=top_5",
    "balanced-accuracy": f"{SEVERAL} -o pool=softmax,max -o criterion=balanced_accuracy",
    "macro-f1": f"{SEVERAL} -o pool=softmax,max -o criterion=macro_f1",
    "nll": f"{SEVERAL} -o pool=softmax,max -o criterion=nll",
    "labels-split": f"{PROMPTS} --labels-from split",
    "labels-file": f"{PROMPTS} --labels-from {{inputs}}/universe.txt",
    "tta-vectors": f"{PROMPTS} -o views=base,hflip",
    "tta-probabilities": f"{PROMPTS} -o views=base,hflip -o tta=probabilities",
    "limits": f"{SEVERAL} -o test_n=20 -o val_n=15 -o sample_seed=7",
    "split-protocol": f"{PROMPTS} --protocol split",
}

PROTOTYPE = {
    "split": "",
    "tops": "-o tops=1,2,3,10 -o bins=7",
    "macro-universe": "-o macro_over=universe --labels-from {inputs}/universe.txt",
    "macro-truth": "-o macro_over=truth",
    "interval-class": "-o interval=class",
    "interval-group": "-o interval=group",
    "no-bootstrap": "-o bootstrap=0",
    "calibrate": "--calibrate",
    "class-temperature": "-o class_temperature=0.05",
    "holdout": "--protocol holdout -o draws=3",
    "holdout-shares": "--protocol holdout -o test_share=0.4 -o val_share=0.1 --seed 2",
    "k-fold": "--protocol k-fold",
    "k-fold-calibrated": "--protocol k-fold -o folds=3 -o val_from=train:0.2 --calibrate",
    "train-limit": "-o train_limit=40 -o sample_seed=3",
    "val-share": "-o val_from=train:0.3 --calibrate",
    "val-number": "-o val_from=train:30 --calibrate",
    "where": "--where \"meta_light <> 'low light'\"",
    "tta": "-o views=base,hflip -o tta=probabilities --calibrate",
}

KNN = {
    "default": "",
    "sweep": "-o k=1,5,20 -o votes=uniform,similarity,exp",
    "side-by-side": "-o k=1,5 -o votes=uniform,exp -o choose=none",
    "tau": "-o k=10 -o tau=0.3 -o smoothing=0.1",
    "hnsw": "-o k=1,5 -o index=hnsw",
    "ivf": "-o k=1,5 -o index=ivf",
    "tta": "-o k=3 -o views=base,hflip -o tta=probabilities",
    "holdout": "--protocol holdout -o draws=2 -o k=1,3,5 --calibrate",
    "criterion": "-o k=1,3,9 -o criterion=nll",
}

FEWSHOT = {
    "prototype": "-o shots=1,2,4",
    "first": "-o shots=1,3 -o sampling=first",
    "seeds": "-o shots=1,2 -o seeds=3 --seed 4",
    "methods": f"-o shots=1,2 -o seeds=2 -o method=prototype,tip,linear,knn {PROMPTS}",
    "tip": f"-o shots=1,4 -o seeds=2 -o method=tip -o tip.alpha=0.5,1,2 -o tip.beta=2,5.5 {PROMPTS}",
    "tip-alone": "-o shots=2 -o seeds=2 -o method=tip -o tip.cache_scale=20",
    "linear": "-o shots=2,50 -o seeds=2 -o method=linear -o linear.c=1,100 -o linear.class_weight=balanced "
    "-o linear.max_iter=50",
    "knn": "-o shots=3 -o seeds=2 -o method=knn -o knn.k=1,3",
    "side-by-side": "-o shots=2 -o seeds=2 -o method=linear -o linear.c=1,100 -o choose=none",
    "calibrate": "-o shots=1,4 -o seeds=2 --calibrate",
    "holdout": "--protocol holdout -o draws=2 -o shots=1,2 -o seeds=2 -o method=prototype,linear",
}

FUSION = {
    "alpha": TEXT,
    "alpha-calibrated": f"{TEXT} --calibrate",
    "alphas": f"{TEXT} -o alphas=0,0.25,0.5,1 -o criterion=macro_f1",
    "alpha-fixed": f"{TEXT} -o weights=0.3,0.7",
    "alpha-side-by-side": f"{TEXT} -o alphas=0,0.5,1 -o choose=none",
    "alpha-two-spaces": TWO,
    "alpha-three-arms": f"{TWO} near=resnet18:knn -o alphas=0,0.25,0.5,1 -o near.k=1,5",
    "alpha-classifier": "--arm tiny=vitrine-tiny:prototype head=resnet18:classifier:head",
    "alpha-shots": f"{TEXT} -o shots=1,2 -o seeds=2 -o alphas=0,0.5,1",
    "alpha-k-fold": f"{TWO} --protocol k-fold -o val_from=train:0.2",
    "alpha-views": f"{TWO} -o views=base,hflip",
    "per-class": f"{TEXT} -o method=per_class",
    "per-class-shrinkage": f"{TEXT} -o method=per_class -o shrinkage=1 -o alphas=0,0.5,1",
    "per-class-file": f"{TEXT} -o method=per_class -o class_alphas={{inputs}}/class_alphas.json",
    "per-class-shots": f"{TEXT} -o method=per_class -o shots=1,2 -o seeds=2 -o folds=3 -o alphas=0,0.5,1",
    "features": f"{TWO} -o method=features",
    "features-linear": f"{TWO} -o method=features -o feature_scorer=linear -o alphas=0,0.5,1",
    "features-knn": f"{TWO} -o method=features -o feature_scorer=knn -o weights=1,3",
    "rerank": f"{TEXT} -o method=rerank",
    "rerank-depths": f"{TEXT} -o method=rerank -o depths=1,2,16",
    "tip": f"--arm cache=vitrine-tiny:tip net=resnet18:linear {PROMPTS} -o shots=2 -o seeds=2",
}

STACKER = {
    "stacker": f"{TEXT} -o method=stacker",
    "stacker-options": f"{TWO} -o method=stacker -o stacker_c=0.1,10 -o folds=3 -o class_weight=balanced --calibrate",
    "stacker-shots": f"{TEXT} -o method=stacker -o shots=1,2 -o seeds=2 -o folds=3",
}

KINDS_ZEROSHOT = {
    "bank": "-o bank=said -o choose=none",
    "banks": "-o bank=said,means --protocol holdout -o pool=softmax,max",
    "text-to-image": "-o bank=said --protocol holdout -o text_to_image=true",
}

KINDS = {
    "holdout": "--protocol holdout -o draws=4",
    "k-fold": "--protocol k-fold -o folds=4 --seed 1",
    "holdout-val": "--protocol holdout -o val_share=0 -o val_from=train:0.25 --calibrate",
}

KINDS_KNN = {
    "holdout": "--protocol holdout -o k=1,3 -o draws=2",
    "negative-cosines": "--protocol holdout -o k=200 -o votes=similarity",
}


def cases() -> list[Case]:
    """All of them, and what reads the result files of some."""
    tiny = "--space vitrine-tiny"
    return [
        *evaluations("species", "zeroshot", "world", ZEROSHOT, tiny),
        *evaluations("species", "zeroshot", "world", {"all-spaces": PROMPTS}, "--space all"),
        *evaluations("species", "prototype", "world", PROTOTYPE, tiny),
        *evaluations("species", "prototype", "world", {"all-spaces": ""}, "--space all"),
        *evaluations("species", "prototype", "world", {"resnet": '--where "label IS NOT NULL"'}, "--space resnet18"),
        *evaluations("species", "knn", "world", KNN, tiny),
        *evaluations("species", "fewshot", "world", FEWSHOT, tiny),
        *evaluations("species", "fusion", "world", FUSION),
        *evaluations("species", "fusion", "world", STACKER, "", tolerance=STACKER_TOLERANCE),
        *evaluations("kinds", "zeroshot", "kinds", KINDS_ZEROSHOT),
        *evaluations("kinds", "prototype", "kinds", KINDS),
        *evaluations("kinds", "knn", "kinds", KINDS_KNN),
        *_files(),
    ]


def _files() -> list[Case]:
    """Result files and what lies beside them; comparisons of files and of spaces."""
    world = "--store {stores}/world --json"
    made = {
        "prototype": f"eval --mode prototype --space vitrine-tiny {MANIFEST}",
        "knn": f"eval --mode knn --space resnet18 -o k=1,5 {MANIFEST}",
        "fusion": f"eval --mode fusion {TEXT} --calibrate",
        "fewshot": "eval --mode fewshot --space vitrine-tiny -o shots=1,2 -o seeds=2",
        "zeroshot": f"eval --mode zeroshot {PROMPTS} --space vitrine-tiny",
    }
    written = [
        command(
            f"files/classes/write-{name}",
            f"{text} --out {{out}}/{name}.json {world}",
            files=(f"{name}.json", f"{name}.assets/predictions.csv", f"{name}.assets/wrong.json"),
        )
        for name, text in made.items()
    ]
    lines = {
        **{f"again-{name}": f"eval --from {{out}}/{name}.json" for name in made},
        "compare-modes": "compare {out}/prototype.json {out}/knn.json",
        "compare-fusion": "compare {out}/zeroshot.json {out}/fusion.json",
        "compare-spaces": f"compare --mode prototype --spaces vitrine-tiny resnet18 {MANIFEST}",
        "compare-spaces-draws": f"compare --mode knn --spaces vitrine-tiny resnet18 {MANIFEST} -o k=1,5 "
        "--protocol holdout -o draws=2",
    }
    return [*written, *(command(f"files/classes/{name}", f"{text} {world}") for name, text in lines.items())]
