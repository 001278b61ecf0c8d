"""Values of a recipe that are changed from outside its file: `mien train --set KEY=VALUE`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from mien.core.errors import ConfigError


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Read settings as they are typed.

    A value is read as TOML (`3`, `1e-3`, `true`, `[0.5, 2.0]`); what TOML cannot read is taken as
    the text that it is, so that `soft` needs no quotes.

    Args:
        texts: Each `KEY=VALUE`, the key dotted as in `heads.ferplus.target`; of a key that comes
            twice the last one counts.

    Returns:
        Dotted key to value.

    Raises:
        ConfigError: If one has no key or no `=`; all such are listed.
    """
    settings, faults = {}, []
    for text in texts:
        key, sign, value = text.partition("=")
        key = key.strip()
        if not sign or not all(key.split(".")):
            faults.append(text)
            continue
        settings[key] = _value(value.strip())
    if faults:
        raise ConfigError(
            f"expected --set KEY=VALUE, as in --set loop.epochs=20, got: {'; '.join(faults)}"
        )
    return settings


def apply_settings(values: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's plain values with settings in their places; tables are made as needed.

    Args:
        values: As TOML gives them; left as they are.
        settings: As from `parse_settings`.

    Raises:
        ConfigError: If a key leads through something that is no table; all such are listed.
    """
    changed, faults = dict(values), []
    for key, value in settings.items():
        *tables, last = key.split(".")
        table, path = changed, ""
        for name in tables:
            inner, path = table.get(name, {}), f"{path}.{name}".lstrip(".")
            if not isinstance(inner, Mapping):
                faults.append(f"--set {key}: {path} is {inner!r}, which has no keys")
                break
            table[name] = table = dict(inner)
        else:
            table[last] = value
    if faults:
        raise ConfigError("\n".join(faults))
    return changed


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    # A line break in the text would add keys, and run.json has no dates.
    fits = read.keys() == {"value"} and isinstance(
        read["value"], bool | int | float | str | list | dict
    )
    return read["value"] if fits else text
