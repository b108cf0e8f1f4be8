"""PyTorch: eager or compiled, float32 or autocast to bfloat16, channels last, fused optimizer.

--net trains any net of `torch_nets`; see `common`.
"""

import itertools

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.baselines import common, torch_input, torch_nets

BATCHES = 20


def feed(args):
    """Return an endless iterator of (images, labels): synthetic batches, or augmented images."""
    if not args.images:
        # With --net memory is compared too, and `ours` has one batch.
        images, labels = common.synthetic(args.batch * (1 if args.net else BATCHES))
        images = torch.from_numpy(images).permute(0, 3, 1, 2)
        images = images.to(memory_format=torch.channels_last).split(args.batch)
        return itertools.cycle(zip(images, torch.from_numpy(labels).split(args.batch)))
    images, labels = torch_input.tensors(np.load(args.images))
    return itertools.chain.from_iterable(
        torch_input.batches(images, labels, args.batch, common.AUGMENTATION)
        for _ in itertools.count()
    )


def model_and_optimizer(net):
    """Return the net of Hu 2019 and Adam, or a net of `torch_nets` and Nesterov momentum."""
    model = torch_nets.NETS[net or "lenet"]().to(memory_format=torch.channels_last)
    if not net:
        return model, torch.optim.Adam(model.parameters(), common.RATE, fused=True)
    settings = {"momentum": common.MOMENTUM, "nesterov": True, "fused": True}
    return model, torch.optim.SGD(model.parameters(), common.NET_RATE, **settings)


def main():
    precisions = ("float32", "bfloat16", "compiled", "compiled_bfloat16")
    args = common.arguments(precisions, nets=True)
    torch.manual_seed(0)
    # Once the same batches are memorized, gradients get denormal, and slow.
    torch.set_flush_denormal(True)
    model, optimizer = model_and_optimizer(args.net)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(common.EMA), use_buffers=False)
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
        return loss.item()

    rate = common.measure(step, args.batch, args.seconds)
    parameters = sum(p.numel() for p in model.parameters())
    common.report(rate=rate, parameters=parameters, net=args.net, loss=step())


if __name__ == "__main__":
    main()
