"""A PyTorch script written as in its tutorials: eager, channels last, autocast to bfloat16."""

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.baselines import common, torch_input, torch_nets
from benchmarks.baselines.common import Hu2019


@torch.inference_mode()
def accuracy(model, images, labels):
    model.eval()
    batches = images.split(256)
    logits = [model(batch.to(memory_format=torch.channels_last)) for batch in batches]
    return (torch.cat(logits).argmax(1) == labels).float().mean().item()


def main():
    args = common.training_arguments()
    torch.manual_seed(args.seed)
    stored = np.load(args.images)
    images, labels = torch_input.tensors(stored)
    public = torch_input.tensors(stored, "public_")
    model = torch_nets.lenet(Hu2019.dropout).to(memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(Hu2019.ema))
    hidden = [m.weight for m in model if isinstance(m, nn.Linear)][:-1]
    optimizer = torch.optim.Adam(model.parameters(), Hu2019.rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda epoch: max(Hu2019.decay**epoch, Hu2019.floor)
    )
    weights = torch.ones(common.CLASSES)
    weights[Hu2019.disgust] = Hu2019.disgust_weight
    loss_of = nn.CrossEntropyLoss(weights)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for batch, targets in torch_input.batches(
            images, labels, Hu2019.batch, Hu2019.augmentation
        ):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model(batch), targets)
            decay = sum(weight.square().sum() for weight in hidden) * Hu2019.weight_decay / 2
            (loss + decay).backward()
            optimizer.step()
            average.update_parameters(model)
        schedule.step()
        common.report_epoch(epoch, accuracy(average, *public))


if __name__ == "__main__":
    main()
