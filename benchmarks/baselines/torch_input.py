"""Input for PyTorch: the whole set in memory, one resampling per batch for all augmentations."""

import torch
from torch.nn import functional


def tensors(stored, prefix=""):
    """Return images as float32 [n, 1, h, w], 0..1, and labels int64 [n]."""
    images = torch.from_numpy(stored[f"{prefix}images"]).unsqueeze(1).float() / 255
    return images, torch.from_numpy(stored[f"{prefix}labels"])


def batches(images, labels, size, augmentation):
    """Yield the full batches of one epoch, shuffled, augmented, channels last."""
    for chosen in torch.randperm(len(images)).split(size):
        if len(chosen) == size:
            batch = augmented(images[chosen], augmentation)
            yield batch.to(memory_format=torch.channels_last), labels[chosen]


def augmented(images, augmentation):
    """Return images [n, 1, h, w], each randomly flipped, rotated, scaled and translated."""

    def uniform(width, *shape):
        return (torch.rand(n, *shape) * 2 - 1) * width

    n = len(images)
    angle, zoom = uniform(augmentation.radians), 1 + uniform(augmentation.zoom)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    sine, cosine = zoom * angle.sin(), zoom * angle.cos()
    # affine_grid counts from -1 to 1 across the image.
    move = uniform(2 * augmentation.translation, 2)
    matrices = torch.stack(
        [mirror * cosine, -sine, move[:, 0], mirror * sine, cosine, move[:, 1]], dim=1
    )
    grid = functional.affine_grid(matrices.view(n, 2, 3), images.shape, align_corners=False)
    padding = {"constant": "zeros", "nearest": "border"}[augmentation.fill_mode]
    return functional.grid_sample(images, grid, padding_mode=padding, align_corners=False)
