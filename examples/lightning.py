"""Adaptive Feature Transfer in a LightningModule, on images.

A small ResNet learns handwritten digits under features computed beforehand, here the
neighborhood components of the digits (scikit-learn). Needs `pip install pytorch-lightning`.

    python examples/lightning.py
"""

import timm
import torch
from pytorch_lightning import LightningModule, Trainer, seed_everything
from sklearn.datasets import load_digits
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tutelage import AFTLoss, FeatureTap, Objective


class Transfer(LightningModule):
    """A student, its tap and its objective; Lightning moves and saves all that is learned."""

    def __init__(self, teacher_width: int) -> None:
        super().__init__()
        self.student = timm.create_model("resnet10t", num_classes=10, in_chans=1)
        self.tap = FeatureTap(self.student)
        transfer = AFTLoss(self.tap.width, {"components": teacher_width})
        self.objective = Objective(nn.CrossEntropyLoss(), transfer, beta=3.0)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], _: int) -> Tensor:
        """One step on task and transfer."""
        images, labels, teacher = batch
        terms = self.objective(self.student(images), labels, self.tap.take(), teacher)
        self.log_dict({"task": terms.task, "transfer": terms.transfer}, prog_bar=True)
        return terms.total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The learned weights have a separate learning rate and no weight decay."""
        return torch.optim.AdamW(self.objective.parameter_groups(self.student), lr=1e-3)


def main() -> None:
    """Train for some steps, save, and load again."""
    seed_everything(0)
    digits = load_digits()
    components = NeighborhoodComponentsAnalysis(n_components=32, max_iter=5, random_state=0)
    teacher = torch.from_numpy(
        components.fit_transform(digits.data[:600], digits.target[:600])
    ).float()
    images = torch.from_numpy(digits.images[:600]).float()[:, None] / 16
    images = nn.functional.interpolate(images, size=(32, 32))
    rows = TensorDataset(images, torch.from_numpy(digits.target[:600]), teacher)

    model = Transfer(teacher.shape[1])
    trainer = Trainer(
        max_steps=20,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(model, DataLoader(rows, batch_size=64, shuffle=True, drop_last=True))
    trainer.save_checkpoint("transfer.ckpt", weights_only=True)
    again = Transfer.load_from_checkpoint("transfer.ckpt", teacher_width=teacher.shape[1])
    rho = again.objective.regularizer.column_weights()["components"]
    print(
        f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns, on {rho.device}"
    )


if __name__ == "__main__":
    main()
