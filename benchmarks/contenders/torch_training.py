"""A PyTorch script as its tutorials write it: eager, channels last, autocast to bfloat16."""

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks import contenders
from benchmarks.contenders import Article, torch_input, torch_step


@torch.inference_mode()
def accuracy(model, images, labels):
    model.eval()
    parts = [model(part.to(memory_format=torch.channels_last)) for part in images.split(256)]
    return (torch.cat(parts).argmax(1) == labels).float().mean().item()


def main():
    args = contenders.training_arguments()
    torch.manual_seed(args.seed)
    pictures = np.load(args.pictures)
    images, labels = torch_input.tensors(pictures)
    public = torch_input.tensors(pictures, "public_")
    model = torch_step.net(Article.dropout).to(memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(Article.ema))
    hidden = [m.weight for m in model if isinstance(m, nn.Linear)][:-1]
    optimizer = torch.optim.Adam(model.parameters(), Article.rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda epoch: max(Article.decay**epoch, Article.floor)
    )
    weights = torch.ones(contenders.CLASSES)
    weights[Article.disgust] = Article.disgust_weight
    loss_of = nn.CrossEntropyLoss(weights)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for batch, targets in torch_input.batches(
            images, labels, Article.batch, Article.augmentation
        ):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model(batch), targets)
            decay = sum(weight.square().sum() for weight in hidden) * Article.l2 / 2
            (loss + decay).backward()
            optimizer.step()
            average.update_parameters(model)
        schedule.step()
        contenders.report_epoch(epoch, accuracy(average, *public))


if __name__ == "__main__":
    main()
