"""The residual net of Yunwei 2025 in PyTorch; see fer2013_tf/nets/resnet18.py."""

from torch import nn
from torch.nn import functional

from benchmarks.baselines.common import CLASSES


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a 1x1 convolution where the size changes."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, padding=1)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Identity()
        if stride > 1 or channels != filters:
            self.shortcut = nn.Conv2d(channels, filters, 1, stride)

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return functional.relu(y + self.shortcut(x), inplace=True)


def resnet18(stages=(64, 128, 256, 512)):
    channels = stages[0]
    layers = [
        nn.Conv2d(1, channels, 7, 2, padding=3),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
    ]
    for number, filters in enumerate(stages):
        layers += [
            Block(channels, filters, 2 if number else 1),
            Block(filters, filters, 1),
        ]
        channels = filters
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
    return nn.Sequential(*layers)
