"""The content id of what an image or a snapshot says, from "Content id" of docs/format.md."""

from blake3 import blake3

CONTEXT = "rblmap 2026-11 content id 2"
LEAF = 4096


def le(n, size):
    return n.to_bytes(size, "little")


def digest(data):
    return blake3(data).digest()


def content_id(name, zones):
    """`zones`: (key, expiry, v4 runs, v6 runs, names) each, in order; values are bytes.

    Runs are (first, last, value) and maximal; names are (key, exact, below) in order, a slot is
    None (nothing of its own), b"" (not listed) or a value.
    """
    data = le(len(name), 4) + name.encode() + le(len(zones), 4)
    for key, expiry, v4, v6, names in zones:
        data += le(len(key), 4) + key + le(expiry, 8)
        data += root(leaves_of_runs(list(v4), 0, 32, 4))
        data += root(leaves_of_runs(list(v6), 0, 128, 16))
        data += root(leaves_of_names(list(names), 0))
    return blake3(data, derive_key_context=CONTEXT).digest()


def root(leaves):
    leaves = list(leaves)
    return digest(le(len(leaves), 4) + b"".join(leaves))


def leaves_of_runs(runs, start, bits, size):
    """`runs` are those that start in the block of 2^bits addresses from `start` on."""
    if not runs:
        return
    if len(runs) <= LEAF:
        yield leaf_of_runs(runs, size)
        return
    half = start + (1 << bits - 1)
    yield from leaves_of_runs([run for run in runs if run[0] < half], start, bits - 1, size)
    yield from leaves_of_runs([run for run in runs if run[0] >= half], half, bits - 1, size)


def leaf_of_runs(runs, size):
    values = {}
    for run in runs:
        values.setdefault(run[2], len(values))
    data = le(len(runs), 4) + b"".join(le(run[0], size) for run in runs)
    single = sum(1 << i for i, run in enumerate(runs) if run[0] == run[1])
    data += le(single, (len(runs) + 7) // 8)
    data += b"".join(le(run[1], size) for run in runs if run[0] != run[1])
    if len(values) > 1:
        data += b"".join(le(values[run[2]], 2) for run in runs)
    return digest(data + of_values(values))


def leaves_of_names(names, shared):
    """`names` share their first `shared` bytes."""
    if not names:
        return
    if len(names) <= LEAF:
        yield leaf_of_names(names)
        return
    groups = {}
    for name in names:
        groups.setdefault(name[0][shared : shared + 1], []).append(name)
    for group in groups.values():
        yield from leaves_of_names(group, shared + 1)


def leaf_of_names(names):
    values = {}

    def slot(value):
        if value is None:
            return le(0, 2)
        if value == b"":
            return le(1, 2)
        return le(2 + values.setdefault(value, len(values)), 2)

    data = le(len(names), 4)
    for key, exact, below in names:
        data += le(len(key), 2) + key + slot(exact) + slot(below)
    return digest(data + of_values(values))


def of_values(values):
    data = le(len(values), 4)
    for value in values:
        data += le(len(value), 1) + value if len(value) <= 63 else b"\0" + digest(value)
    return data


def content_id_of_image(image):
    """Works the content id out from all entries of an image, as they are walked."""
    slots = [None, b""] + image.values[1:]
    zones = []
    for zone in image.zones.values():
        v4 = [(first, last, image.values[i]) for first, last, i in zone.walk_v4()]
        v6 = [(first, last, image.values[i]) for first, last, i in zone.walk_v6()]
        names = [(key, slots[exact], slots[below]) for key, exact, below in zone.walk_names()]
        zones.append((zone.key, zone.expiry, v4, v6, names))
    return content_id(image.name, zones)
