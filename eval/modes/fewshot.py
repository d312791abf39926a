"""Few-shot: what a handful of train images per class is worth, for one or several ways to learn from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from eval.answering import Sweep, answer_of, metric_rule, solve_arm, train_rows
from eval.class_mode import Answer, Solution, Tops
from eval.class_summary import resampled, table_of
from eval.metrics.class_tables import ClassTable, summarise_classes
from eval.mode import Names
from eval.result import Chosen, SweepPoint
from eval.shot_draws import ShotOptions, Taken, draw_shots, shortages

if TYPE_CHECKING:
    from eval.arms import Arm, ClassArrays
    from eval.mode import Draw


class FewshotConfig(ShotOptions):
    """Options of ``fewshot``.

    ``shots``: images per class, each a row of figures; ``method``: scorers that learn from them (prototype, tip,
    linear, knn). All stand side by side; the metrics are of the first method with the most shots. Options of a method
    are written ``-o tip.alpha=2``.
    """

    shots: Tops = (1, 2, 5, 10)
    method: Names = ("prototype",)


class Fewshot:
    """The mode ``fewshot``."""

    name = "fewshot"
    config_type = FewshotConfig

    def arm_scorers(self, config: FewshotConfig) -> tuple[str, ...]:
        """The methods."""
        return tuple(dict.fromkeys(config.method))

    def solve(self, arrays: ClassArrays, config: FewshotConfig, seed: np.random.SeedSequence) -> Solution:
        """Answer every draw with every method, number of shots and seed.

        Raises:
            InputError: there are no train samples, or a method cannot learn from them.
        """
        sweeps = {arm.name: Sweep("val", arm.name) for arm in arrays.arms}
        tables: dict[tuple[str, int], list[list[ClassTable]]] = {}
        answers: list[tuple[Answer, ...]] = []
        main = (arrays.arms[0].name, max(config.shots))
        short: dict[int, Taken] = {}
        for draw in arrays.draws:
            train = train_rows(arrays.arms[0], arrays, draw)
            for shots in sorted(set(config.shots)):
                taken = [draw_shots(arrays, train, shots, config, seed, at) for at in range(config.repeats)]
                short[shots] = taken[0]
                for arm in arrays.arms:
                    found = list(self._answers(arm, arrays, draw, taken, config, sweeps[arm.name]))
                    tables.setdefault((arm.name, shots), []).append(
                        [table_of(each, arrays, resampled(arrays, config)) for each in found]
                    )
                    if (arm.name, shots) == main:
                        answers.append(tuple(found))
        points = (*_points(tables, arrays, config, seed), *(p for sweep in sweeps.values() for p in sweep.points()))
        setting = {"method": main[0], "shots": main[1]}
        chosen = Chosen(settings=(setting,) * len(arrays.draws))
        return Solution(tuple(answers), points, chosen, warnings=shortages(short, len(arrays.classes)))

    def _answers(
        self, arm: Arm, arrays: ClassArrays, draw: Draw, taken: list[Taken], config: FewshotConfig, sweep: Sweep
    ) -> Iterator[Answer]:
        for shots in taken:
            yield answer_of(draw["test"], solve_arm(arm, arrays, draw, shots.rows, config, sweep).test)


MODE = Fewshot()


def _points(
    tables: dict[tuple[str, int], list[list[ClassTable]]],
    arrays: ClassArrays,
    config: FewshotConfig,
    seed: np.random.SeedSequence,
) -> Iterator[SweepPoint]:
    """Figures of every method and number of shots on test, with intervals: side by side, none is chosen."""
    rng = np.random.Generator(np.random.PCG64(seed))
    by = resampled(arrays, config)
    for (method, shots), draws in tables.items():
        found = summarise_classes(draws, len(arrays.classes), metric_rule(config), config.bootstrap, rng, by).metrics
        deviations = {name: each.sd_seeds for name, each in found.items() if each.sd_seeds is not None}
        yield SweepPoint(
            settings={"method": method, "shots": shots},
            role="test",
            metrics={name: each.value for name, each in found.items()},
            ci95_of={name: each.ci95 for name, each in found.items() if each.ci95 is not None} or None,
            sd_seeds_of=deviations or None,
        )
