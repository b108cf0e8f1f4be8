"""Specs, and the functions that they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_tf.utils import registry
from fer2013_tf.utils.errors import UserError
from fer2013_tf.utils.registry import Registry, parse

literals = st.one_of(
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("abc '\"|,=()", max_size=6).filter(lambda text: "|" not in text),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(
    lambda n: (
        n not in ("in", "is", "or", "if", "as", "not", "and", "for", "def", "del", "try")
        and n not in ("from", "pass", "elif", "else", "with", "lambda", "while", "yield", "raise")
        and n not in ("break", "class", "global", "return", "import", "except", "assert", "async")
        and n not in ("await", "finally", "continue", "nonlocal")
    )
)


@given(names, st.lists(literals, max_size=3), st.dictionaries(names, literals, max_size=3))
def test_parse_reads_back_what_str_writes(name, args, options):
    spec = registry.Spec(name, tuple(args), options)
    assert registry.parse(str(spec)) == spec


@pytest.mark.parametrize("text", ["", "a b", "a(", "a(x)", "a.b(1)", "1", "a(**k)", "a(f())"])
def test_parse_refuses_what_is_no_spec(text):
    with pytest.raises(UserError, match="not of the form"):
        registry.parse(text)


def test_parse_chain_of_several_and_none():
    assert registry.parse_chain("none") == [] == registry.parse_chain("")
    assert [s.name for s in registry.parse_chain("flip(0.5) | rotate")] == ["flip", "rotate"]


def test_with_option_keeps_the_other_options():
    text = registry.with_option("lenet(norm='bn', dense_bn=True)", "norm", "lrn")
    assert registry.parse(text).options == {"norm": "lrn", "dense_bn": True}


def example(images, *, training, rate=0.5, name="bn", rates=(0.1, 0.2), on=True, count=3):
    """Stands for a net: `training` is handed in by the program and is no option."""


def test_bind_takes_options_by_place_and_by_name():
    bound = registry.bind(example, registry.parse("example(1, rates=(0, 1))"), "net")
    assert bound == {"rate": 1, "rates": (0, 1)}


@pytest.mark.parametrize(
    "text, word",
    [
        ("example(training=True)", "no option 'training'"),
        ("example(bogus=1)", "no option 'bogus'; it has: rate=0.5"),
        ("example(rate='x')", "rate='x' is not of type float"),
        ("example(rate=True)", "rate=True"),
        ("example(on=1)", "on=1"),
        ("example(count=1.5)", "count=1.5"),
        ("example(rates=('a',))", "rates"),
        ("example(name=3)", "name=3"),
        ("example(1, 'bn', (0.1,), True, 3, 4)", "takes 5 options"),
    ],
)
def test_bind_refuses_unknown_options_and_types(text, word):
    with pytest.raises(UserError) as caught:
        registry.bind(example, registry.parse(text), "net")
    assert word in str(caught.value)


def test_resolve_unknown_name_lists_the_known():
    registry = Registry("color")
    registry.register(example)
    with pytest.raises(UserError, match="unknown color 'red'; known: example"):
        registry.resolve(parse("red"))
