"""Records and templates of a value, from the section "Values" of docs/format.md."""


def records(value):
    """The records of a value: (A in 4 bytes or None, template parts or None).

    A part is bytes (text), or a number: how many first labels the key loses.
    """
    at, found = 0, []
    while at < len(value):
        flags = value[at]
        at += 1
        if not flags & 7 or flags & 5 == 5 or flags & ~31 or flags & 24 == 24:
            raise ValueError(f"flags {flags} of a record")
        a = None
        if flags & 1:
            a, at = value[at : at + 4], at + 4
        elif flags & 4:
            a, at = b"\x7f\0\0" + value[at : at + 1], at + 1
        parts = None
        if flags & 16:
            length = value[at]
            parts, at = [value[at + 1 : at + 1 + length]], at + 1 + length
        elif flags & 2:
            size = 2 if flags & 8 else 1
            length = int.from_bytes(value[at : at + size], "little")
            at += size
            parts, at = template(value[at : at + length]), at + length
        found.append((a, parts))
    return found


def template(data):
    at, parts = 0, []
    while at < len(data):
        code = data[at]
        if code == 0:
            parts.append(0)
            at += 1
        elif code == 255:
            parts.append(data[at + 1])
            at += 2
        else:
            parts.append(data[at + 1 : at + 1 + code])
            at += 1 + code
    return parts


def without_labels(key, count):
    """The text form of a name without its first labels; dots behind a backslash do not count."""
    at = 0
    while count and at < len(key):
        if key[at] == 0x5C:
            at += 2
        elif key[at] == 0x2E:
            at, count = at + 1, count - 1
        else:
            at += 1
    return key[at:] if not count else b""


def render(value, key):
    """(A or None, text or None) of each record, as it is shown."""
    for a, parts in records(value):
        text = None
        if parts is not None:
            limit = 254 if any(isinstance(part, int) for part in parts) else 255
            pieces = [p if isinstance(p, bytes) else without_labels(key, p) for p in parts]
            text = b"".join(pieces)[:limit]
            if parts and not text:
                text = None
        yield a, text
