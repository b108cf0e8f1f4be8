"""From records to batches: scaling, augmentation, mixup, targets, input pipelines."""
