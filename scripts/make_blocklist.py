#!/usr/bin/env python3
"""Rebuilds the bundled list of common passwords from the published packages that it is taken from.

Download the three packages into a folder and pass the folder. `--check` compares instead of writing:

    pip download --no-deps --only-binary :all: -d downloads zxcvbn==4.5.0 Django==5.2.19
    npm pack --pack-destination downloads @zxcvbn-ts/language-common@4.1.3
    python scripts/make_blocklist.py downloads [--check]
"""

import argparse
import gzip
import hashlib
import itertools
import json
import re
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "otp_service/accounts/blocklist/common_passwords.txt.gz"
SHORTEST = 8  # no password policy of the service accepts less, so a shorter entry would never match

ZXCVBN = "zxcvbn-4.5.0-py2.py3-none-any.whl"
DJANGO = "django-5.2.19-py3-none-any.whl"
ZXCVBN_TS = "zxcvbn-ts-language-common-4.1.3.tgz"
SHA256 = {
    ZXCVBN: "2b6eed621612ce6d65e6e4c7455b966acee87d0280e257956b1f06ccc66bd5ff",
    DJANGO: "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00",
    ZXCVBN_TS: "bf3027c16c069d7877e25dc8751bc819e10e479afcc5ee1a323eb2ab73129ca9",
}

# How people extend a word when a form requires digits and symbols. The published lists are older than such forms.
WORDS = """
    password passw0rd p@ssword p@ssw0rd pa$$word pa$$w0rd passwort motdepasse contraseña senha parola
    welcome welcome2 willkommen bienvenue letmein changeme change-me iloveyou trustno1 sunshine princess superman batman
    monkey dragon football baseball liverpool chelsea arsenal barcelona pokemon starwars master shadow secret hello
    admin administrator @dmin adm1n root user guest login test testing demo temp default company office internet server
    qwerty qwertz azerty qwert asdf asdfgh asdfghjkl zxcvbnm zxcvbn qazwsx 1qaz2wsx 1q2w3e4r q1w2e3r4 abc abcd abcdef
    spring summer autumn fall winter frühling sommer herbst
    monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december
""".split()  # noqa: SIM905 - ninety words read better so
NUMBERS = ["1", "2", "3", "7", "01", "10", "11", "12", "21", "22", "23", "69", "99", "007", "100", "111", "123", "321"]
NUMBERS += ["777", "1234", "4321", "12345", "54321", "123456", "12345678"]
YEARS = [str(year) for year in range(2000, 2033)]
MARKS = ["!", "!!", ".", "@", "#", "$", "*", "?"]
SHAPES = [
    "{word}{number}",
    "{word}{number}!",
    "{word}{number}.",
    "{word}@{number}",
    "{word}!{number}",
    "{word}_{number}",
]


def main() -> int:
    """Return the exit code: 1 if `--check` finds a difference, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("downloads", type=Path, help="folder with the three packages")
    parser.add_argument("--check", action="store_true", help="compare with the bundled list, write nothing")
    arguments = parser.parse_args()
    entries = sorted(cleaned(itertools.chain(published(arguments.downloads), patterns())))
    content = "".join(f"{entry}\n" for entry in entries).encode()
    if arguments.check:
        same = gzip.decompress(TARGET.read_bytes()) == content
        print(f"{TARGET.name} {'is' if same else 'is NOT'} what the packages give ({len(entries)} entries)")
        return 0 if same else 1
    TARGET.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{len(entries)} entries, {TARGET.stat().st_size} bytes -> {TARGET}")
    return 0


def cleaned(candidates: Iterable[str]) -> set[str]:
    """Fold the candidates as the service does before it compares, and drop those that are too short."""
    folded = (unicodedata.normalize("NFC", candidate).casefold() for candidate in candidates)
    return {entry for entry in folded if len(entry) >= SHORTEST and entry.isprintable()}


def published(downloads: Path) -> Iterator[str]:
    """Yield the passwords in the packages, after checking the hash of each package."""
    for name, expected in SHA256.items():
        if hashlib.sha256((downloads / name).read_bytes()).hexdigest() != expected:
            sys.exit(f"{name} is not the file that this list is built from")
    with zipfile.ZipFile(downloads / ZXCVBN) as wheel:
        lists = wheel.read("zxcvbn/frequency_lists.py").decode()
        yield from re.findall(r'"passwords": "([^"]*)"', lists)[0].split(",")
    with zipfile.ZipFile(downloads / DJANGO) as wheel:
        yield from gzip.decompress(wheel.read("django/contrib/auth/common-passwords.txt.gz")).decode().splitlines()
    with tarfile.open(downloads / ZXCVBN_TS) as package:
        file = package.extractfile("package/src/passwords.json")
        yield from json.load(file) if file else ()


def patterns() -> Iterator[str]:
    """Yield passwords such as Password1, Qwerty123!, Summer2024, Welcome@2025 and Passwordpassword."""
    for word in WORDS:
        yield from (word, word * 2, word * 3)
        yield from (word + mark for mark in MARKS)
        for shape, number in itertools.product(SHAPES, NUMBERS + YEARS):
            yield shape.format(word=word, number=number)


if __name__ == "__main__":
    sys.exit(main())
