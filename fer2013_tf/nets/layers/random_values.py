"""Random values that a resumed run repeats."""

from fer2013_tf.utils.tf1 import tf


def random_bits(count, context):
    """Return uint16 [count], 16 random bits per element: a function of the context's seed.

    Random words have 32 bits, so each serves two elements.
    """
    words = tf.random.stateless_uniform(
        [(count + 1) // 2], context.next_seed(), None, None, tf.uint32, alg="philox"
    )
    return tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count]
