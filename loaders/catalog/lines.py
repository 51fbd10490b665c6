"""Where in a YAML file a value stands."""

from collections.abc import Iterable

import yaml


def line_of(root: yaml.Node | None, keys: Iterable[str]) -> int:
    """The line of the value under these keys, as far as they can be followed; from 1."""
    node = root
    for step in keys:
        found = _child(node, step)
        if found is None:
            break
        node = found
    return node.start_mark.line + 1 if node else 1


def _child(node: yaml.Node | None, step: str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and step.isdigit():
        return next(iter(node.value[int(step) :]), None)
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None
