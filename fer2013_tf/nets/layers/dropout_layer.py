"""Dropout with random values that a resumed run repeats."""

from fer2013_tf.utils.tf1 import tf


def dropout(x, rate, *, training, context):
    """Return x with a fraction `rate` set to zero and the rest scaled by 1 / (1 - rate).

    Outside of training x comes back as it is. The random values are a stateless function of the
    context's seed, so that a resumed run repeats them.
    """
    if not training or rate == 0:
        return x
    count = tf.size(x)
    # Random words have 32 bits; 16 are enough for a decision, so each word serves two elements.
    words = tf.random.stateless_uniform(
        [(count + 1) // 2], context.next_seed(), None, None, tf.uint32, alg="philox"
    )
    bits = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count]
    is_kept = tf.reshape(bits, tf.shape(x)) >= min(round(rate * 2**16), 2**16 - 1)
    return tf.where_v2(is_kept, x * tf.cast(1 / (1 - rate), x.dtype), tf.zeros([], x.dtype))
