"""What the job ``finetune`` trains: towers on images, or a linear head on stored vectors."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from training.export import TrainedBank, write_bank, write_encoder, write_record
from training.jobs.label_batches import StoredFeatures
from training.jobs.label_export import layer_bank
from training.jobs.label_images import image_inputs
from training.jobs.label_metrics import label_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import torch

    from training.data.training_data import TrainingData
    from training.export import TrainingRecord
    from training.jobs.finetune_recipe import FinetuneRecipe
    from training.jobs.finetune_texts import TextEdges
    from training.jobs.label_batches import LabelInputs
    from training.jobs.label_stage import LabelStage
    from training.models.towers import ImageTower

    Tensors = Mapping[str, torch.Tensor]

BASE = "base"
"""View whose stored vectors a head is trained on."""


class TowerTraining:
    """Training of the image tower, of both towers, or of low-rank changes of the image tower.

    Attributes:
        network: computes class logits of images.
        compiled: the part that ``torch.compile`` compiles.
        before: weights of both towers before training, on the CPU.
    """

    def __init__(self, recipe: FinetuneRecipe, data: TrainingData, tower: ImageTower, edges: TextEdges) -> None:
        """Choose what is trained.

        Raises:
            InputError: the tower has fewer stages than should be trained.
            MissingDependencyError: low-rank changes need a package that is not installed.
        """
        from training.jobs.finetune_network import TextClassifier
        from training.jobs.lora import add_lora
        from training.models.freezing import freeze, freeze_parameters

        self._tower, self._edges = tower, edges
        self.before = {name: tensor.detach().cpu().clone() for name, tensor in tower.network.state_dict().items()}
        names = [name for name, _ in tower.network.named_parameters() if not name.startswith(tower.prefix)]
        fixed = names if recipe.train != "both" else [name for name in names if name.startswith("logit_")]
        freeze_parameters(tower.network, fixed)
        freeze(tower, recipe.unfreeze)
        self._lora = add_lora(tower.visual, recipe.lora) if recipe.train == "lora" else None
        self.network = TextClassifier(tower, edges, train_texts=recipe.train == "both")
        self.compiled = (tower.visual,)
        self._recipe, self._data = recipe, data

    def inputs(self, out: Path, *, quiet: bool) -> AbstractContextManager[LabelInputs]:
        """Images of the samples."""
        return image_inputs(self._data, self._tower.spec, self._recipe, out, quiet=quiet)

    def trained(self, best: Tensors) -> dict[str, torch.Tensor]:
        """Return the trained weights of both towers under open_clip's names, low-rank changes added to them."""
        self.network.load_state_dict(best)
        if self._lora is not None:
            self._lora.merge_and_unload()
        return {name: tensor.detach().cpu().clone() for name, tensor in self._tower.network.state_dict().items()}

    def use(self, tensors: Tensors) -> None:
        """Give the towers these weights."""
        self._tower.network.load_state_dict(tensors)
        self.network.forget_texts()

    def export(self, out: Path, record: TrainingRecord, tensors: Tensors) -> None:
        """Write the encoder, and the texts of the classes as a bank that its own text tower encodes."""
        from retrieval.encoders.registry import load, resolve
        from retrieval.encoders.request import EncoderRequest
        from training.models.export_network import export_network

        write_encoder(out, record, **export_network(self._tower, tensors)._asdict())
        encoder: Any = load(resolve(EncoderRequest(str(out), device=self._tower.device)), self._tower.device)
        vector, label = self._edges.pairs
        bank = TrainedBank(
            name="finetune-texts",
            kind="prompts",
            owner="new",
            vectors=encoder.encode_texts(self._edges.texts).vectors,
            edge_vector=vector,
            edge_class=label,
            temperature=1 / encoder.logit_scale,
            texts=self._edges.texts,
        )
        write_bank(out, bank)


class HeadTraining:
    """Training of a linear layer on stored vectors; no image is opened, and the encoder stays as it is.

    Attributes as those of :class:`TowerTraining`.
    """

    def __init__(self, recipe: FinetuneRecipe, data: TrainingData, tower: ImageTower, edges: TextEdges) -> None:
        """Make the layer of the class texts; ``recipe`` has no more to say."""
        from training.jobs.finetune_network import FeatureHead, TextClassifier

        del recipe
        vectors = data.vectors[BASE]
        features = vectors.vectors * vectors.norms[:, None]
        texts = TextClassifier(tower, edges, train_texts=False)
        self.network = FeatureHead(texts.fixed_vectors(), float(texts.scale.detach()), features[data.rows("train")])
        self.compiled = (self.network,)
        self._features = features
        self.before = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}

    def inputs(self, out: Path, *, quiet: bool) -> AbstractContextManager[LabelInputs]:
        """Stored vectors of the samples."""
        del out, quiet
        return nullcontext(StoredFeatures(self._features))

    def trained(self, best: Tensors) -> dict[str, torch.Tensor]:
        """Return the trained weights."""
        return dict(best)

    def use(self, tensors: Tensors) -> None:
        """Give the layer these weights."""
        self.network.load_state_dict(tensors)

    def export(self, out: Path, record: TrainingRecord, tensors: Tensors) -> None:
        """Write the layer as a bank of the space."""
        write_record(out, record)
        write_bank(out, layer_bank("finetune-head", "parent", record.classes, tensors))


def held_out_metrics(training: TowerTraining | HeadTraining, stage: LabelStage, tensors: Tensors) -> dict[str, float]:
    """Return the held-out metrics of a network with other weights."""
    import torch

    training.use(tensors)
    training.network.eval()
    with torch.inference_mode():
        return label_metrics(stage.held_out_logits(), stage.held_out_target)
