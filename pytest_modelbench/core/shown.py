"""What may be shown of the values of variables and options: facts go into baselines, which are shared."""

from __future__ import annotations

import hashlib
import re

#: A number, a switch, a short word: no secret looks like that. Others are told by a fingerprint.
_PLAIN = re.compile(r"[A-Za-z0-9_.,:+-]{0,12}|'[A-Za-z0-9_.,:+-]{0,12}'")
#: What `shown` has made of a value already, by this version or an earlier one.
_SET, _TOLD = "(set)", re.compile(r"\(set\)|\([0-9a-f]{8}\)")
#: Names of secrets: of their values nothing is told, as a weak one can be guessed from a fingerprint.
_SECRET = re.compile(r"SECRET|PASS(?!ES)|PWD|(^|_)PW(_|$)|CRED|AUTH", re.IGNORECASE)
#: Names of secrets, but also of sizes: NUM_TOKENS, KEY_DIM. What counts or switches is no secret there.
_PERHAPS_SECRET = re.compile(r"TOKEN|KEY", re.IGNORECASE)
_SIZE = re.compile(r"'?(\d{1,5}|true|false)'?", re.IGNORECASE)
#: Where the next ``NAME=`` begins in a fact of several.
_NEXT = re.compile(r" (?=-?\w+=)")
#: pytest's own file and plugins: names of files and modules.
_NAMES = ("-c", "-p")


def shown(name: str, value: str) -> str:
    """``value`` itself where it is plainly harmless, else a fingerprint; of a secret, that it is set."""
    if hidden(name, value):
        return _SET
    if name in _NAMES or _PLAIN.fullmatch(value) or _TOLD.fullmatch(value):
        return value
    return f"({hashlib.sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()[:8]})"


def hidden(name: str, value: str) -> bool:
    """Whether nothing of ``value`` may be told, as it is a secret by its ``name``."""
    return bool(_SECRET.search(name) or (_PERHAPS_SECRET.search(name) and not _SIZE.fullmatch(value)))


def unless_hidden(name: str, value: str) -> str:
    """``value``, or of a secret, that it is set."""
    return _SET if hidden(name, value) else value


def all_shown(fact: str) -> str:
    """``NAME=value NAME=value`` with what may be shown of each; as it is, where it was told so before."""
    return " ".join(_one(part) for part in _NEXT.split(fact))


def _one(part: str) -> str:
    name, equals, value = part.partition("=")
    if name == "-o":  # an ini value, by a name of its own
        return f"{name}={_one(value)}"
    return f"{name}={shown(name, value)}" if equals else part
