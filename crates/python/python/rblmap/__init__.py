"""Look mail clients up in block list images, in nanoseconds and without DNS.

    import rblmap

    with rblmap.open("/var/lib/rblmap", "ops.example") as blocked:
        if blocked.freshness() < rblmap.Freshness.EXPIRED:
            answer = blocked.lookup("192.0.2.1")
            if answer:
                print(answer.reply("554 5.7.1 "), answer.network)

A list may be used by any number of threads, and in children after a fork; it can be pickled, which
opens it anew in the other process.
"""

from __future__ import annotations

import enum
import os
import sys

from ._rblmap import Answer, Error, Record, __version__
from ._rblmap import _List

__all__ = ["Answer", "Error", "Freshness", "List", "Record", "Status", "open", "__version__"]


class Freshness(enum.IntEnum):
    """Whether answers count: they do while it is less than EXPIRED."""

    FRESH = 0
    STALE = 1
    EXPIRED = 2
    RETIRED = 3
    WAITING = 4


class Status:
    """Where a list stands; times are in seconds since 1970, 0 for never or not known."""

    __slots__ = ("freshness", "problem", "held", "serial", "created", "generation", "stale_from",
                 "expired_from", "checked")

    def __init__(self, **facts):
        for name in self.__slots__:
            setattr(self, name, facts[name])
        self.freshness = Freshness(self.freshness)

    def __repr__(self):
        facts = (f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"rblmap.Status({', '.join(facts)})"


class List(_List):
    """A zone of a list: what `rblmap.open` gives."""

    def __new__(cls, path, zone=None, *, subzone=None, copy=False, wait=False):
        self = super().__new__(cls, path, zone, subzone=subzone, copy=copy, wait=wait)
        self._args = (os.fspath(path), zone, subzone, copy, wait)
        return self

    def lookup(self, key):
        """Looks up one key or many.

        One key (str, bytes, int, or an address of ipaddress) gives an `Answer`, true if listed. Bytes
        are a text, not a packed address; an int below 2**32 is an IPv4 address, so give a small IPv6
        address as one of ipaddress. A text that is neither an address nor a domain name is a
        ValueError.

        Many keys give whether each is listed, in the kind of array that they came in: a numpy array
        of uint32 an array of bool (a masked one keeps its mask; one of texts an array of True, False
        and None), a pyarrow array of uint32 or strings a boolean array with nulls
        where there was null or no key, another buffer of uint32 (array.array, memoryview) a
        bytearray of 0 and 1, a list or tuple of keys a list of True, False, or None for what is no
        key. IPv4 addresses as numbers are in host order: 192.0.2.1 is 0xc0000201. Arrays are looked
        up without the GIL.
        """
        if isinstance(key, (str, bytes, int)):
            return self._lookup(key)
        if isinstance(key, (list, tuple)):
            return self._lookup_texts(key)
        pyarrow = sys.modules.get("pyarrow")
        if pyarrow is not None and isinstance(key, (pyarrow.Array, pyarrow.ChunkedArray)):
            return self._lookup_arrow(pyarrow, key)
        if hasattr(key, "packed") or getattr(key, "shape", None) == ():
            return self._lookup(key)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            if not isinstance(key, numpy.ndarray) and hasattr(key, "to_numpy"):
                key = key.to_numpy()  # a column of pandas or polars
            if isinstance(key, numpy.ndarray):
                return self._lookup_numpy(numpy, key)
        listed = self._lookup_buffer(key)
        return self._lookup(key) if listed is None else listed

    def _lookup_numpy(self, numpy, keys):
        if isinstance(keys, numpy.ma.MaskedArray):
            return numpy.ma.array(self._lookup_numpy(numpy, keys.data), mask=keys.mask)
        if keys.dtype.kind in "OUS":
            return numpy.array(self._lookup_texts(keys.tolist()), dtype=object)
        if keys.dtype.newbyteorder("=") != numpy.uint32:
            raise TypeError(f"addresses are uint32, not {keys.dtype}: use keys.astype('uint32')")
        flat = numpy.ascontiguousarray(keys, dtype=numpy.uint32)
        listed = self._lookup_buffer(flat.reshape(-1))
        return numpy.frombuffer(listed, dtype=numpy.bool_).reshape(keys.shape)

    def _lookup_arrow(self, pyarrow, keys):
        if isinstance(keys, pyarrow.ChunkedArray):
            chunks = [self._lookup_arrow(pyarrow, chunk) for chunk in keys.chunks]
            return pyarrow.chunked_array(chunks, type=pyarrow.bool_())
        if keys.type != pyarrow.uint32():
            return pyarrow.array(self._lookup_texts(keys.to_pylist()), type=pyarrow.bool_())
        if len(keys) == 0:
            return pyarrow.array([], type=pyarrow.bool_())
        numbers = memoryview(keys.buffers()[1]).cast("B").cast("I")
        listed = self._lookup_buffer(numbers[keys.offset:keys.offset + len(keys)])
        bytes_of = pyarrow.Array.from_buffers(
            pyarrow.uint8(), len(keys), [None, pyarrow.py_buffer(listed)])
        answers = bytes_of.cast(pyarrow.bool_())
        if keys.null_count == 0:
            return answers
        compute = __import__("pyarrow.compute").compute
        return compute.if_else(keys.is_valid(), answers, pyarrow.scalar(None, pyarrow.bool_()))

    def freshness(self, now=None):
        """Whether answers count at `now`, in seconds since 1970; by default by the clock. Also takes
        a new image and looks at the mirror's folder: ask it once for each connection."""
        return Freshness(self._freshness(now))

    def status(self, now=None):
        """Where the list stands, after a look at the folder."""
        return Status(**self._status(now))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __reduce__(self):
        path, zone, subzone, copy, wait = self._args
        return _open_again, (path, zone, subzone, copy, wait)

    def __repr__(self):
        path, zone, subzone, _, _ = self._args
        names = ", ".join(repr(name) for name in (path, zone, subzone) if name is not None)
        return f"<rblmap.List({names}){', closed' if self.closed else ''}>"


def open(path, zone=None, *, subzone=None, copy=False, wait=False):
    """Opens a zone in a mirror's folder or, without `zone`, an image by its path.

    The files are mapped: they must be replaced by rename only, as `rblmap mirror` does. Where nobody
    promises that, `copy=True` reads them into memory. `wait=True` opens even if there is no image
    yet. A file that the system does not give is an OSError (FileNotFoundError, PermissionError), one
    that is no image an `rblmap.Error`.
    """
    return List(path, zone, subzone=subzone, copy=copy, wait=wait)


def _open_again(path, zone, subzone, copy, wait):
    return List(path, zone, subzone=subzone, copy=copy, wait=wait)
