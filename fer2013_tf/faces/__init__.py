"""From image files to the pixels of one face: read, detect, align, track."""
