"""PyTorch: eager or compiled, float32 or autocast to bfloat16, channels last, fused Adam."""

import itertools

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.baselines import common, torch_input

BATCHES = 20


def net(dropout=common.DROPOUT):
    """Return the net of Hu 2019."""
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
    units = 128 * (common.SIZE // 8) ** 2
    for _ in range(2):
        layers += [
            nn.Dropout(dropout),
            nn.Linear(units, 512, bias=False),
            nn.BatchNorm1d(512),
            nn.ReLU(inplace=True),
        ]
        units = 512
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(512, common.CLASSES))


def feed(args):
    """Return an endless iterator of (images, labels): synthetic batches, or augmented images."""
    if not args.images:
        images, labels = common.synthetic(args.batch * BATCHES)
        images = torch.from_numpy(images).permute(0, 3, 1, 2)
        images = images.to(memory_format=torch.channels_last).split(args.batch)
        return itertools.cycle(zip(images, torch.from_numpy(labels).split(args.batch)))
    images, labels = torch_input.tensors(np.load(args.images))
    return itertools.chain.from_iterable(
        torch_input.batches(images, labels, args.batch, common.AUGMENTATION)
        for _ in itertools.count()
    )


def main():
    args = common.arguments(("float32", "bfloat16", "compiled", "compiled_bfloat16"))
    torch.manual_seed(0)
    # Once the same batches are memorized, gradients get denormal, and slow.
    torch.set_flush_denormal(True)
    model = net().to(memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(common.EMA), use_buffers=False)
    optimizer = torch.optim.Adam(model.parameters(), common.RATE, fused=True)
    loss_of = nn.CrossEntropyLoss()
    following = feed(args)
    forward = torch.compile(model) if args.precision.startswith("compiled") else model
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=args.precision.endswith("bfloat16"))

    def step():
        images, labels = next(following)
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            loss = loss_of(forward(images), labels)
        loss.backward()
        optimizer.step()
        average.update_parameters(model)

    rate = common.measure(step, args.batch, args.seconds)
    common.report(rate=rate, parameters=sum(p.numel() for p in model.parameters()))


if __name__ == "__main__":
    main()
