"""The nets of fer2013_tf in PyTorch, written as its users would, for gray images of 48x48.

`NETS` has one function per net. Layers, widths and dropout are those of the recipe of that name;
what the layers are: fer2013_tf/nets/NAME.py. Where TensorFlow's SAME pads one side only, at stride
2, both sides are padded, as usual in PyTorch; sizes and work are the same.
"""

import torch
from torch import nn

from benchmarks.baselines.common import CLASSES, DROPOUT, SIZE
from benchmarks.baselines.torch_cliquenet import cliquenet
from benchmarks.baselines.torch_resnet18 import resnet18


def lenet(dropout=DROPOUT):
    """The net of Hu 2019."""
    layers, channels = [], 1
    for filters in (64, 64, 128):
        layers += [
            nn.Conv2d(channels, filters, 5, padding=2, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        ]
        channels = filters
    layers.append(nn.Flatten())
    units = 128 * (SIZE // 8) ** 2
    for _ in range(2):
        layers += [
            nn.Dropout(dropout),
            nn.Linear(units, 512, bias=False),
            nn.BatchNorm1d(512),
            nn.ReLU(inplace=True),
        ]
        units = 512
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(512, CLASSES))


def lenet7(dropout=0.05):
    layers, channels = [], 1
    for filters in (32, 64, 128):
        layers += [
            nn.Conv2d(channels, filters, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
        channels = filters
    layers.append(nn.Flatten())
    units = 128 * 6 * 6
    for width in (512, 256, 128):
        layers += [nn.Linear(units, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        units = width
    return nn.Sequential(*layers, nn.Linear(units, CLASSES))


def deepnn():
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
        _local_response(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(inplace=True),
        _local_response(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 384),
        nn.ReLU(inplace=True),
        nn.Linear(384, 192),
        nn.Linear(192, CLASSES),
    )


def _local_response():
    return nn.LocalResponseNorm(9, alpha=0.001, beta=0.75, k=1.0)


def model_b():
    layers, channels = [], 1
    for filters in (64, 128, 256):
        layers += [
            nn.Conv2d(channels, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
            nn.RReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
        channels = filters
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(256 * 6 * 6, 4096),
        nn.RReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, 1024),
        nn.RReLU(inplace=True),
        nn.Linear(1024, 256),
        nn.RReLU(inplace=True),
        nn.Linear(256, CLASSES),
    )


def simple_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 64, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 256, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3),
        nn.Flatten(),
        nn.Linear(256 * 7 * 7, 4096),
        nn.ReLU(inplace=True),
        nn.Linear(4096, 1024),
        nn.ReLU(inplace=True),
        nn.Linear(1024, CLASSES),
    )


def _blocks(channels, blocks, pool):
    """Return the layers of blocks, pairs of (convolutions, filters), each closed by a pool."""
    layers = []
    for count, filters in blocks:
        for _ in range(count):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(pool, 2))
    return layers


def vgg(units=4096, dropout=0.5):
    return nn.Sequential(
        *_blocks(1, ((2, 32), (3, 64), (3, 128)), 2),
        nn.Flatten(),
        nn.Linear(128 * 6 * 6, units),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(units, units),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(units, CLASSES),
    )


def blocks(dropout=0.2):
    return nn.Sequential(
        *_blocks(1, ((2, 64), (2, 128), (2, 256), (2, 512)), 4),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(512, CLASSES),
    )


def vgg16(units=256, dropout=0.5):
    return nn.Sequential(
        ImageNetInput(),
        *_blocks(3, ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(512, units),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(units, CLASSES),
    )


class ImageNetInput(nn.Module):
    """Repeats gray images to blue, green and red and subtracts ImageNet's means."""

    def __init__(self):
        super().__init__()
        means = torch.tensor((103.939, 116.779, 123.68)).view(1, 3, 1, 1)
        self.register_buffer("means", means)

    def forward(self, images):
        return (images - self.means).contiguous(memory_format=torch.channels_last)


def vgg_bn(stem=64, filters=(128, 256, 512), depth=2, dropout_rate=0.2):
    """The wide net of 3x3 convolutions with BN; skips of depth 3 are not written here."""
    layers, channels = [*_conv_bn_relu(1, stem), nn.MaxPool2d(2)], stem
    for number, width in enumerate(filters, start=1):
        for _ in range(depth):
            layers += _conv_bn_relu(channels, width)
            channels = width
        if number < len(filters):
            layers.append(nn.MaxPool2d(2))
    mean = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout_rate)
    return nn.Sequential(*layers, *mean, nn.Linear(channels, CLASSES))


def _conv_bn_relu(channels, filters):
    return [
        nn.Conv2d(channels, filters, 3, padding=1, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(inplace=True),
    ]


NETS = {
    net.__name__: net
    for net in (
        blocks,
        cliquenet,
        deepnn,
        lenet,
        lenet7,
        model_b,
        resnet18,
        simple_cnn,
        vgg,
        vgg16,
        vgg_bn,
    )
}
