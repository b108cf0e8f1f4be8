"""Show how each convolution of a recipe's net is computed, and what it costs in a training step."""

import statistics

from fer2013_tf.training import step_rate
from fer2013_tf.utils.tf1 import tf

STEPS = 5
COLUMNS = "{:<24} {:<36} {:<10} {:>11} {:>11} {:>6}"


def lines(recipe, record_set, *, precision):
    """Yield the lines of a table, one per convolution; takes some seconds.

    Milliseconds are of the forward pass and both gradients; `expected` is the formula by which the
    way was chosen, `measured` the sum of the operations' times in real steps, input included.
    """
    with step_rate.warm_session(recipe, record_set, precision=precision) as (net, session):
        steps = [_traced(session, net.train_op) for _ in range(STEPS)]
    whole = statistics.median(sum(step.values()) for step in steps)
    yield COLUMNS.format("convolution", "", "way", "expected ms", "measured ms", "share")
    total = 0.0
    for choice in net.choices:
        took = statistics.median(_under(choice.scope, step) for step in steps)
        total += took
        g = choice.geometry
        sizes = f"{g.height}x{g.width}x{choice.channels} -> "
        sizes += f"{g.out_height}x{g.out_width}x{choice.filters}"
        kernel = f"{g.size}x{g.size}" + (f"/{g.stride}" if g.stride > 1 else "")
        figures = f"{choice.way.milliseconds:.1f}", f"{took:.1f}", f"{took / whole:.0%}"
        yield COLUMNS.format(
            choice.scope.removesuffix("/convolution"),
            f"{sizes}, {kernel}",
            choice.way.name,
            *figures,
        )
    rest = whole - total
    yield COLUMNS.format("all else", "", "", "", f"{rest:.1f}", f"{rest / whole:.0%}")
    rate = 1000 * recipe.batch_size / whole
    yield f"a step of {recipe.batch_size} images: {whole:.0f} ms, {rate:.0f} images/s, {precision}"


def _traced(session, train_op):
    """Run a step. Return {operation's name: milliseconds}."""
    told = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    session.run(train_op, options=options, run_metadata=told)
    found = {}
    for device in told.step_stats.dev_stats:
        for node in device.node_stats:
            took = (node.op_end_rel_micros - node.op_start_rel_micros) / 1000
            found[node.node_name] = found.get(node.node_name, 0.0) + took
    return found


def _under(scope, step):
    """Return the milliseconds of a scope's operations and of their gradients."""
    inside, gradients = f"{scope}/", f"gradients/{scope}/"
    return sum(ms for name, ms in step.items() if name.startswith(inside) or gradients in name)
