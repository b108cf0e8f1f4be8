"""Print the layers of a net: `python -m fer2013_tf.nets`."""

import argparse
import sys

from fer2013_tf import nets
from fer2013_tf.utils import cli, constants
from fer2013_tf.utils.errors import UserError

EXAMPLES = """\
examples:
  python -m fer2013_tf.nets lenet
  python -m fer2013_tf.nets "blocks(block_num=3, pool_size=2)"
  python -m fer2013_tf.nets deepnn --size 128 --classes 10

window: kernel and stride. multiply-adds: per image. sees: the receptive field, the pixels of the
image that one output depends on; all: the whole image, as after a dense layer.

nets: {nets}
"""


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m fer2013_tf.nets",
        description="Layers of a net: output, window, parameters, operations, receptive field.",
        epilog=EXAMPLES.format(nets=", ".join(nets.names())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("net", metavar="NET", help="name of a net, or with options as in a recipe")
    size, classes = constants.IMAGE_SIZE, len(constants.FER2013)
    pixels = "pixels per side of the images (default: %(default)s)"
    add("--size", type=int, metavar="N", default=size, help=pixels)
    number = "number of classes (default: %(default)s)"
    add("--classes", type=int, metavar="N", default=classes, help=number)
    return result


def run(args):
    """Print the layers of the net that `args` (see `parser`) names. Return the exit status."""
    if not 8 <= args.size <= 1024 or args.classes < 2:
        raise UserError(
            f"--size {args.size} --classes {args.classes}: give 8 to 1024, and 2 or more"
        )
    # TensorFlow takes seconds to import.
    from fer2013_tf.evaluation import layer_table

    size = (args.size, args.size)
    print(layer_table.text(layer_table.of_net(args.net, size=size, classes=args.classes)))
    return 0


def main(argv=None):
    """Run the command. Return its exit status."""
    return cli.main_of(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
