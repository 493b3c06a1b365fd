"""Unpacks a `.rbs` snapshot, from docs/delta.md alone; what values and names are is format.md's.

    python3 snapshot.py FILE...

prints of each zone, serial, creation time and content id of the header, and the content id of what is in it.
"""

import ctypes
import ctypes.util
import sys

from blake3 import blake3
from content_id import content_id
from decisions import Contexts, Decoder, geometric
from edits import read_edits
from text_model import Model


class Reader:
    """Numbers and bytes of a payload, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("cut")
        self.at += count
        return self.data[self.at - count : self.at]

    def uv(self):
        number = shift = 0
        while True:
            (byte,) = self.take(1)
            number |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                if byte == 0 and shift > 7 or shift > 70:
                    raise ValueError("a number that is not in its shortest spelling")
                return number

    def bytes(self):
        return self.take(self.uv())


def frame(data):
    """What a zstd frame holds, and how many bytes the frame has."""
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    for name in ("ZSTD_findFrameCompressedSize", "ZSTD_decompress"):
        getattr(zstd, name).restype = ctypes.c_size_t
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    length = zstd.ZSTD_findFrameCompressedSize(data, ctypes.c_size_t(len(data)))
    size = zstd.ZSTD_getFrameContentSize(data, ctypes.c_size_t(len(data)))
    if length > len(data) or size > (length << 20) + 256:
        raise ValueError("no zstd frame that declares its size")
    output = ctypes.create_string_buffer(max(size, 1))
    done = zstd.ZSTD_decompress(output, ctypes.c_size_t(size), data, ctypes.c_size_t(length))
    if done != size:
        raise ValueError("the zstd frame is damaged")
    return output.raw[:size], length


class ZoneHead:
    def __init__(self, reader):
        flags = reader.take(1)[0]
        self.v4 = self._streams(reader, flags & 32, 4) if flags & 1 else []
        self.v6 = self._streams(reader, flags & 64, 16) if flags & 2 else []
        self.names = [reader.uv() for _ in range(3)] if flags & 4 else [0, 0, 0]
        self.expiry = reader.uv() if flags & 8 else 0
        self.facts = reader.bytes() if flags & 16 else b""

    @staticmethod
    def _streams(reader, several, size):
        if not several:
            return [([reader.uv() for _ in range(3)], None, 0)]
        streams = []
        for i in range(reader.uv()):
            counts, length = [reader.uv() for _ in range(3)], reader.uv()
            streams.append((counts, length, int.from_bytes(reader.take(size), "little") if i else 0))
        return streams


def common(a, b):
    """How many bytes both begin with."""
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


class Texts:
    """The bytes of values or names: under a model, or plain behind the decisions."""

    def __init__(self, decoder, plain, size):
        self.decoder, self.plain = decoder, plain
        self.model = Model(size) if plain is None else None

    def read(self, before, left, right, count):
        """`count(told)` says whether more bytes follow."""
        told = b""
        while count(told):
            if self.plain is not None:
                told += self.plain.take(1)
                continue
            now, first = before + told, not told
            byte = self.model.byte(now, left, right, first, self.decoder.chance)
            told += bytes([byte])
        return told


class Between:
    """The shared prefix of a text that stands between two others."""

    def __init__(self):
        self.more, self.which = Contexts(), Contexts()

    def read(self, decoder, left, right):
        """The prefix, and the neighbour that it is shared with."""
        both = common(left, right)
        more = decoder.gamma(self.more)
        if more and decoder.bit(self.which[0]):
            return right[: both + more], right
        return left[: both + more], left


def read_values(decoder, added, plain):
    contexts = geometric(added, added)
    for _ in range(added):
        if decoder.gap(contexts):
            raise ValueError("a snapshot has no base")
    texts, between = Texts(decoder, plain, 16 * added), Between()
    ends, same, lengths = Contexts(), Contexts(), Contexts()
    values, left, right = [], b"", b""
    for _ in range(added):
        prefix, neighbour = between.read(decoder, left, right)
        rest = neighbour[len(prefix) :]
        shared = decoder.gamma(ends)
        middle = len(rest) - shared
        length = middle if decoder.bit(same[0]) else decoder.gamma(lengths)
        told = texts.read(prefix, left, right, lambda told: len(told) < length)
        left = prefix + told + rest[len(rest) - shared :]
        values.append(left)
    return values


class References:
    """Which value: told by the place in a list that added values join when they are first used."""

    def __init__(self, values):
        self.values, self.known, self.fresh = values, [], list(range(len(values)))
        self.contexts = Contexts()

    def read(self, decoder, beside):
        fresh = bool(self.fresh)
        if self.fresh and self.known:
            fresh = decoder.bit(self.contexts["fresh"])
        if fresh:
            value = self.fresh.pop(decoder.even(len(self.fresh)))
            self.known.append(value)
            return value
        place = min(self.known.index(beside), 15) if beside in self.known else None
        sub = self.contexts.setdefault(("place", place), Contexts())
        return self.known[decoder.gamma(sub)]


def read_names(decoder, heads, references, plain):
    removed, changed, added = heads
    if removed or changed:
        raise ValueError("a snapshot has no base")
    if not added:
        return []
    contexts = geometric(added, added)
    for _ in range(added):
        decoder.gap(contexts)
    texts, between, labels = Texts(decoder, plain, 16 * added), Between(), Contexts()
    says = Says(references)
    found, left = [], b""
    for _ in range(added):
        prefix, _ = between.read(decoder, left, b"")
        count = decoder.gamma(labels)
        left = prefix + texts.read(prefix, left, b"", lambda told: told.count(0) < count)
        found.append((left, *says.read(decoder)))
    return found


class Says:
    """What a name says: (exact, below), each None, b"" or a value."""

    def __init__(self, references):
        self.references, self.contexts = references, Contexts()
        self.last = None

    def read(self, decoder):
        if self.last not in (None, (None, None)) and decoder.bit(self.contexts["as before"]):
            return self.last
        exact = decoder.tree(self.contexts.setdefault("exact", Contexts()), 2)
        below = decoder.tree(self.contexts.setdefault(("below", exact), Contexts()), 2)
        first = self._slot(decoder, exact)
        if exact == below == 2 and decoder.bit(self.contexts["one"]):
            second = first
        else:
            second = self._slot(decoder, below)
        self.last = first, second
        return self.last

    def _slot(self, decoder, kind):
        if kind == 2:
            return self.references.values[self.references.read(decoder, None)]
        return (None, b"")[kind]


class Snapshot:
    def __init__(self, data):
        self._header(Reader(data))
        payload, length = frame(self.rest)
        self.streams = Reader(self.rest[length:])
        self._payload(Reader(payload))

    def _header(self, reader):
        data = reader.data
        if reader.take(5) != b"\x89rbs\x04":
            raise ValueError("no snapshot of format 4")
        if reader.take(8) != blake3(data[:5] + data[13:]).digest()[24:]:
            raise ValueError("damaged: the check differs")
        self.name = reader.take(reader.take(1)[0]).decode("ascii")
        self.session, self.serial, self.created = (reader.uv() for _ in range(3))
        self.content_id = reader.take(32)
        self.image_format = reader.take(1)[0]
        self.root = reader.take(16) if self.image_format else b""
        self.rest = data[reader.at :]

    def _payload(self, reader):
        flags = reader.take(1)[0]
        keys = [reader.bytes() for _ in range(reader.uv())] if flags & 1 else [b""]
        changing = reader.uv() if flags & 8 else 1
        added = reader.uv() if flags & 2 else 0
        heads, at = {}, 0
        for _ in range(changing):
            at += reader.uv() if flags & 8 else 0
            heads[at] = ZoneHead(reader)
            at += 1
        decoder = Decoder(reader.bytes())
        plain = None if flags & 4 else reader
        self.values = read_values(decoder, added, plain) if added else []
        references = References(self.values)
        self.zones = []
        for i, key in enumerate(keys):
            self.zones.append(self._zone(decoder, key, heads.get(i), references, plain))
        decoder.finish()
        if self.streams.at < len(self.streams.data):
            raise ValueError("bytes behind the streams")

    def _zone(self, decoder, key, head, references, plain):
        if head is None:
            return key, 0, [], [], []
        v4 = self._runs(decoder, head.v4, 32, references)
        v6 = self._runs(decoder, head.v6, 128, references)
        names = read_names(decoder, head.names, references, plain)
        return key, head.expiry, v4, v6, names

    def _runs(self, decoder, streams, bits, references):
        if not streams:
            return []
        found = []
        for counts, length, begin in streams:
            if len(streams) > 1:
                decoder, references = Decoder(self.streams.take(length)), References(self.values)
            for first, last, value in read_edits(decoder, counts, bits, references, begin):
                value = self.values[value]
                if found and found[-1][1] + 1 == first and found[-1][2] == value:
                    first = found.pop()[0]
                found.append((first, last, value))
            if len(streams) > 1:
                decoder.finish()
        return found


def main(*paths):
    for path in paths:
        with open(path, "rb") as file:
            snapshot = Snapshot(file.read())
        told = snapshot.name, snapshot.serial, snapshot.created, snapshot.content_id.hex()
        print("header", *told, sep="\t")
        print("content", content_id(snapshot.name, snapshot.zones).hex(), sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
