"""The reader's network: plain 3x3 convolutions, a strip in, a character (or blank) for each of 32 columns out, and the plate's colour."""

import torch
from torch import Tensor, nn

from edgeguard.vision.plate_grammar import ALPHABET, Colour

INPUT_H, INPUT_W = 32, 128
CLASSES = len(ALPHABET) + 1
COLOURS = len(Colour) + 1
"""The last colour means: no Chinese plate at all."""


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Reader(nn.Module):
    """uint8 N x 32 x 128 x 3 (BGR) in; log probabilities N x 32 x CLASSES and N x COLOURS out."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(_block(3, 16, 2), _block(16, 32))
        self.middle = nn.Sequential(nn.MaxPool2d(2), _block(32, 48), _block(48, 64))
        self.far = nn.Sequential(nn.MaxPool2d((2, 1)), _block(64, 64), _block(64, 80))
        self.column = nn.Sequential(nn.Conv2d(80, 96, (4, 1), bias=False), nn.BatchNorm2d(96), nn.ReLU(inplace=True))
        self.context = nn.Sequential(
            nn.Conv2d(96, 96, (1, 5), padding=(0, 2), bias=False), nn.BatchNorm2d(96), nn.ReLU(inplace=True), nn.Dropout(0.1)
        )
        self.characters = nn.Conv2d(96, CLASSES, 1)
        self.colour = nn.Linear(64 * 2, COLOURS)
        self.judge = nn.Linear(96 * 2, COLOURS)
        """What the columns of the whole strip add to the colour: nothing until reader_judge.py has taught it."""
        nn.init.zeros_(self.judge.weight)
        nn.init.zeros_(self.judge.bias)

    def forward(self, strips: Tensor) -> tuple[Tensor, Tensor]:
        """Each strip is first brought to zero mean and unit spread of its own, so that night and glare look alike."""
        pixels = strips.permute(0, 3, 1, 2).float()
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        spread = (pixels - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        middle = self.middle(self.near((pixels - mean) / (spread + 4.0)))
        columns = self.context(self.column(self.far(middle)))
        characters = self.characters(columns).squeeze(2).transpose(1, 2)
        pooled = torch.cat((middle.mean(dim=(2, 3)), middle.amax(dim=(2, 3))), dim=1)
        read = torch.cat((columns.mean(dim=(2, 3)), columns.amax(dim=(2, 3))), dim=1)
        return characters.log_softmax(dim=2), (self.colour(pooled) + self.judge(read)).log_softmax(dim=1)
