"""Which licences let a package be learnt from, told from what the registries say of it."""

import re

_PERMISSIVE = re.compile(
    r"\b(mit(-[\w.]+)?|expat|isc|bsd\d?(-[\w.]+)?|0bsd|apache(-|\s|\b)[\w.]*|zlib(/libpng)?|libpng[\w-]*|psf(-[\w.]+)?"
    r"|python software foundation|python-2\.0"
    r"|unlicense|cc0(-[\w.]+)?|public[- ]domain|boost|bsl-1(\.0)?|postgresql|ruby|php(-[\w.]+)?"
    r"|openssl|openssh|openexr|curl|ncsa|x11|wtfpl|artistic-2\.0"
    r"|openldap[\w.-]*|blueoak-[\w.]+|hpnd|tcl|sqlite)\b",
    re.IGNORECASE,
)
_COPYLEFT = re.compile(
    r"\b[al]?gpl|general public|\bmpl|mozilla|\bepl|eclipse public|\bcddl|\beupl|creative commons|\bcc-by"
    r"|\bsspl|\bbusl|commercial|proprietary|non-?commercial",
    re.IGNORECASE,
)
_TEXTS = (
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("Apache-2.0", "licensed under the apache license, version 2.0"),
    ("Apache-2.0", "apache license version 2.0, january 2004"),
    ("BSD", "redistribution and use in source and binary forms, with or without modification"),
    ("ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"),
)


def is_permissive(licence: str) -> bool:
    """Whether a licence, or one of the alternatives that a package leaves, asks for no more than a notice."""
    alternatives = re.split(r"\s+or\s+|/| \| |,\s*or\s+", licence.strip("() "), flags=re.IGNORECASE)
    return any(_PERMISSIVE.search(one) is not None and _COPYLEFT.search(one) is None for one in alternatives)


def of_debian_copyright(text: str) -> str:
    """The licence of a Debian package's upstream files, as debian/copyright names it; "" if it can't be told."""
    stanzas = re.split(r"\n\s*\n", text)
    for stanza in stanzas:
        if re.search(r"^Files:\s*\*", stanza, re.MULTILINE) and (
            named := re.search(r"^License:[ \t]*(\S.*)$", stanza, re.MULTILINE)
        ):
            return named[1].strip()
    words = " ".join(text.lower().split())
    if "general public" in words:
        return ""
    return next((name for name, phrase in _TEXTS if phrase in words), "")


def of_wheel(metadata: str) -> str:
    """The licence that a wheel's METADATA states."""
    head = metadata.partition("\n\n")[0]
    if stated := re.search(r"^License-Expression: *(\S.*)$", head, re.MULTILINE):
        return stated[1].strip()
    classified = re.findall(r"^Classifier: License :: (?:OSI Approved :: )?(\S.*)$", head, re.MULTILINE)
    if classified:
        return " and ".join(name.strip() for name in classified)
    stated = re.search(r"^License: *(\S.*)$", head, re.MULTILINE)
    return stated[1].strip()[:60] if stated else ""
