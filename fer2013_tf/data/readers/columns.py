"""Columns of tables by their usual names, in any order and case: label, pixels, split, name.

find(["Usage", "Pixels", "Label"], "label")     2
find(["Usage", "Pixels", "Label"], "name")      None
"""

import re

# The first that is there is taken. Case, blanks, _ and - do not count.
NAMES = {
    "label": "emotion label emotions labels expression emotionlabel expressionlabel emotionid "
    "labelid classid class classlabel category categoryid target y facialexpression facialemotion",
    "pixels": "pixels pixel pixelvalues imagepixels pixelstring facepixels",
    "split": "usage split subset set partition phase datasplit",
    "name": "name labelname classname emotionname expressionname categoryname",
}


def find(header, role):
    """Return the index of the column with a role among names, or None.

    Raises ValueError with the name where the one to take is there more than once.
    """
    keys = [re.sub(r"[\s_-]", "", name.casefold()) for name in header]
    for name in NAMES[role].split():
        if keys.count(name) > 1:
            raise ValueError(header[keys.index(name)])
        if name in keys:
            return keys.index(name)
    return None
