"""Parse specs such as `momentum(0.9, nesterov=True)` and find the functions that they name.

Nets, losses, schedules, optimizers, augmentations, label schemes and splits are named by specs, in
recipes and on the command line. A function's options are its keyword-only parameters that have a
default; the program passes the others. Values are Python literals of the default's type.
"""

import ast
import inspect
from typing import NamedTuple

from fer2013_tf.utils.errors import UserError


class Spec(NamedTuple):
    """A parsed `name(positional, key=value)`; `str` writes it back."""

    name: str
    args: tuple = ()
    options: dict = {}

    def __str__(self):
        words = [repr(arg) for arg in self.args] + [f"{k}={v!r}" for k, v in self.options.items()]
        return f"{self.name}({', '.join(words)})" if words else self.name


def parse(text):
    """Return the Spec of `"name(0.5, key=(1, 2))"`. Raises UserError for any other text."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        call = node if isinstance(node, ast.Call) else ast.Call(func=node, args=[], keywords=[])
        args = tuple(ast.literal_eval(arg) for arg in call.args)
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        return Spec(call.func.id, args, options)
    except (SyntaxError, ValueError, AttributeError):
        raise UserError(f"{text!r} is not of the form name or name(key=value, ...)") from None


def parse_chain(text):
    """Return the Specs of `"flip(0.5) | rotate(0.26)"`: [] for "" and "none"."""
    words = [] if text.strip() in ("", "none") else text.split("|")
    return [parse(word) for word in words]


def with_option(text, key, value):
    """Return the spec `text` with the option `key` set to `value` (a Python literal)."""
    spec = parse(text)
    return str(spec._replace(options={**spec.options, key: value}))


def is_type_compatible(value, default):
    """Return whether `value` may replace `default`: the same type, or an int for a float."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, tuple):
        # () stands for numbers, one per class; a word such as "balanced" may replace them.
        if not default and isinstance(value, str):
            return True
        if not isinstance(value, (tuple, list)):
            return False
        inner = (default or [v for v in value if isinstance(v, str)] or [0.0])[0]
        return all(is_type_compatible(v, inner) for v in value)
    return isinstance(value, type(default))


def bind(function, spec, kind):
    """Return the options of `spec` by name, checked against the signature of `function`.

    kind: of the function, for messages. Raises UserError listing the options that it has.
    """
    parameters = inspect.signature(function).parameters.values()
    known = {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }
    listed = ", ".join(f"{name}={default!r}" for name, default in known.items()) or "none"
    where = f"{kind} {spec.name!r}"
    if len(spec.args) > len(known):
        raise UserError(f"{where} takes {len(known)} options ({listed}), got {len(spec.args)}")
    options = {**dict(zip(known, spec.args)), **spec.options}
    for name, value in options.items():
        if name not in known:
            raise UserError(f"{where} has no option {name!r}; it has: {listed}")
        if not is_type_compatible(value, known[name]):
            wanted = type(known[name]).__name__
            raise UserError(f"{where}: {name}={value!r} is not of type {wanted} ({listed})")
    return options


class Registry(dict):
    """Functions of one kind by name; use an instance's `register` as the decorator."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def register(self, function):
        """Decorator that registers `function` under its own name."""
        self[function.__name__] = function
        return function

    def resolve(self, spec):
        """Return (function, options by name) of a Spec. Raises UserError listing known names."""
        if spec.name not in self:
            raise UserError(f"unknown {self.kind} {spec.name!r}; known: {', '.join(sorted(self))}")
        function = self[spec.name]
        return function, bind(function, spec, self.kind)
