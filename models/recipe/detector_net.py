"""The detector's network: one map of plate centres and one of four corners, a cell for every 8 pixels, from a small pyramid of plain convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8
UNIT_PX = 16.0
"""Corners are told as offsets from their cell's middle in this unit."""


def _block(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Detector(nn.Module):
    """uint8 N x H x W x 3 (BGR; H, W multiples of 32) in; N x 9 x H/8 x W/8 out: a logit, then x, y of TL, TR, BR, BL."""

    def __init__(self) -> None:
        super().__init__()
        self.to_8 = nn.Sequential(_block(3, 16, 2), _block(16, 24, 2), _block(24, 32, 2), _block(32, 32))
        self.to_16 = nn.Sequential(_block(32, 48, 2), _block(48, 64))
        self.to_32 = nn.Sequential(_block(64, 64, 2), _block(64, 64), _block(64, 64))
        self.at_16 = _block(64, 64)
        self.down_16 = _block(64, 32, 1, 1)
        self.at_8 = _block(32, 32)
        self.head = nn.Conv2d(32, 9, 1)
        nn.init.constant_(self.head.bias[:1], -4.0)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        pixels = (pictures.permute(0, 3, 1, 2).float() - 114.0) / 64.0
        fine = self.to_8(pixels)
        middle = self.to_16(fine)
        coarse = self.to_32(middle)
        middle = self.at_16(middle + functional.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        fine = fine + functional.interpolate(self.down_16(middle), scale_factor=2.0, mode="nearest")
        return self.head(self.at_8(fine))


def targets(corners: list[tuple[Tensor, bool]], height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Heat map, offsets and their weights for one picture; `corners`: (4x2 in pixels, whether the corners themselves are true)."""
    rows, columns = height // STRIDE, width // STRIDE
    ys = (torch.arange(rows) + 0.5) * STRIDE
    xs = (torch.arange(columns) + 0.5) * STRIDE
    heat = torch.zeros(rows, columns)
    offsets = torch.zeros(8, rows, columns)
    weights = torch.zeros(rows, columns)
    for points, is_exact in corners:
        centre = points.mean(dim=0)
        span = (points.amax(dim=0) - points.amin(dim=0)).clamp(min=8.0)
        sigma_x, sigma_y = (0.09 * span[0]).clamp(min=3.4), (0.14 * span[1]).clamp(min=3.4)
        bump = torch.exp(-((ys - centre[1])[:, None] ** 2 / (2 * sigma_y**2)) - (xs - centre[0])[None, :] ** 2 / (2 * sigma_x**2))
        row, column = int(centre[1] // STRIDE), int(centre[0] // STRIDE)
        if 0 <= row < rows and 0 <= column < columns:
            bump[row, column] = 1.0
        near = (bump > 0.4) & (bump >= heat)
        if is_exact:
            grid = torch.stack((xs[None, :].expand(rows, columns), ys[:, None].expand(rows, columns)))
            wanted = (points.reshape(4, 2, 1, 1) - grid[None]).reshape(8, rows, columns) / UNIT_PX
            offsets = torch.where(near[None], wanted, offsets)
            weights = torch.where(near, UNIT_PX / span[0].clamp(min=24.0), weights)
        else:
            weights = torch.where(near, torch.zeros(()), weights)
        heat = torch.maximum(heat, bump)
    return heat, offsets, weights
