"""CliqueNet of CliqueNet-FER+ 2018 in PyTorch; see fer2013_tf/nets/cliquenet.py."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.baselines.common import CLASSES

STEM, BLOCKS = 64, 3


def _normalized(channels, dropout):
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Dropout(dropout))


def _kernel(inputs, filters):
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(filters, inputs, 3, 3), std=0.1))


class Clique(nn.Module):
    """A block: each layer from the input and the earlier ones, then again from all the others."""

    def __init__(self, channels, depth, filters, dropout):
        super().__init__()
        self.depth = depth
        self.from_input = nn.ParameterList(_kernel(channels, filters) for _ in range(depth))
        self.between = nn.ParameterDict(
            {
                f"{i}_{j}": _kernel(filters, filters)
                for i in range(depth)
                for j in range(depth)
                if i != j
            }
        )
        self.stage1 = nn.ModuleList(_normalized(filters, dropout) for _ in range(depth))
        self.stage2 = nn.ModuleList(_normalized(filters, dropout) for _ in range(depth))

    def forward(self, x):
        made = []
        for j in range(self.depth):
            kernels = [self.from_input[j], *(self.between[f"{i}_{j}"] for i in range(j))]
            made.append(self.stage1[j](_convolve([x, *made], kernels)))
        for j in range(self.depth):
            others = [i for i in range(self.depth) if i != j]
            kernels = [self.between[f"{i}_{j}"] for i in others]
            made[j] = self.stage2[j](_convolve([made[i] for i in others], kernels))
        return torch.cat(made, dim=1)


def _convolve(inputs, kernels):
    return functional.conv2d(torch.cat(inputs, dim=1), torch.cat(kernels, dim=1), padding=1)


class Transition(nn.Module):
    """A 1x1 convolution, attention over the channels, an average pool."""

    def __init__(self, channels, dropout):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = _normalized(channels, dropout)
        self.attention = nn.Sequential(
            nn.Linear(channels, channels // 2),
            nn.ReLU(inplace=True),
            nn.Linear(channels // 2, channels),
            nn.Sigmoid(),
        )
        self.pool = nn.AvgPool2d(2)

    def forward(self, x):
        x = self.norm(self.conv(x))
        weights = self.attention(x.mean(dim=(2, 3)))
        return self.pool(x * weights[:, :, None, None])


class CliqueNet(nn.Module):
    def __init__(self, depth, filters, dropout):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, STEM, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(STEM),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        made = depth * filters
        inputs = [STEM] + [made] * (BLOCKS - 1)
        self.cliques = nn.ModuleList(Clique(c, depth, filters, dropout) for c in inputs)
        self.transitions = nn.ModuleList(Transition(made, dropout) for _ in range(BLOCKS - 1))
        self.logits = nn.Linear(sum(inputs) + BLOCKS * made, CLASSES)

    def forward(self, images):
        x, features = self.stem(images), []
        for number, clique in enumerate(self.cliques):
            made = clique(x)
            features.append(torch.cat([x, made], dim=1).mean(dim=(2, 3)))
            if number < len(self.transitions):
                x = self.transitions[number](made)
        return self.logits(torch.cat(features, dim=1))


def cliquenet(depth=5, filters=36, dropout=0.05):
    return CliqueNet(depth, filters, dropout)
