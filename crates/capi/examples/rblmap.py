"""Look mail clients up in block list images: a thin layer over librblmap, see librblmap(3)."""

import array
import ctypes
import os

FRESH, STALE, EXPIRED, RETIRED = range(4)
NO_ZONE, END = 5, 12

_lib = ctypes.CDLL(os.environ.get("RBLMAP_LIBRARY", "librblmap.so.0"))
_lib.rblmap_strerror.restype = ctypes.c_char_p
_p, _s, _u64 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64
for _name, _types in {
    "open": [_s, _s, ctypes.c_uint32, _p], "close": [_p], "refresh": [_p, _p],
    "reader_new": [_p, _s, _p], "reader_free": [_p],
    "freshness": [_p, ctypes.c_size_t, _u64, _p],
    "lookup_text": [_p, _s, _p], "lookup_name": [_p, _s, _p],
    "lookup_v4_batch": [_p, _p, ctypes.c_size_t, _p],
    "answer": [_p, ctypes.c_size_t, ctypes.c_size_t, _p],
}.items():
    getattr(_lib, "rblmap_" + _name).argtypes = _types


class Error(Exception):
    """A status of the library other than 0; `status` has the number."""

    def __init__(self, status):
        super().__init__(_lib.rblmap_strerror(status).decode())
        self.status = status


class _Record(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("has_a", ctypes.c_uint32), ("a", ctypes.c_uint32),
                ("text_len", ctypes.c_uint32), ("text", ctypes.c_char * 256)]


def _check(status):
    if status:
        raise Error(status)


class List:
    """A list: a zone in a mirror's folder, or an image by its path. For one thread."""

    def __init__(self, path, zone=None, subzone=None, copy=False):
        self._list, self._reader = ctypes.c_void_p(), ctypes.c_void_p()
        encode = lambda text: None if text is None else os.fsencode(text)
        _check(_lib.rblmap_open(encode(path), encode(zone), int(copy), ctypes.byref(self._list)))
        try:
            _check(_lib.rblmap_reader_new(self._list, encode(subzone),
                                          ctypes.byref(self._reader)))
        except Error:
            self.close()
            raise

    def close(self):
        _lib.rblmap_reader_free(ctypes.byref(self._reader))
        _lib.rblmap_close(ctypes.byref(self._list))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def refresh(self):
        """Looks for a new image, where there is no status page. Whether there was one."""
        changed = ctypes.c_int()
        _check(_lib.rblmap_refresh(self._list, ctypes.byref(changed)))
        return bool(changed.value)

    def freshness(self, now):
        out = ctypes.c_int()
        _check(_lib.rblmap_freshness(self._reader, 0, int(now), ctypes.byref(out)))
        return out.value

    def lookup(self, address):
        """None if an address is not listed, else a list of (A record or None, text)."""
        return self._records(_lib.rblmap_lookup_text, address)

    def lookup_name(self, name):
        return self._records(_lib.rblmap_lookup_name, name)

    def lookup_batch(self, addresses):
        """An array('I') of IPv4 addresses in host order; a bytearray of 0 and 1."""
        out = bytearray(len(addresses))
        if not out:
            return out
        if not isinstance(addresses, array.array) or addresses.typecode != "I":
            raise TypeError("array('I') wanted")
        room = (ctypes.c_char * len(out)).from_buffer(out)
        _check(_lib.rblmap_lookup_v4_batch(self._reader, addresses.buffer_info()[0],
                                           len(addresses), room))
        return out

    def _records(self, function, key):
        listed, records = ctypes.c_uint64(), []
        _check(function(self._reader, key.encode(), ctypes.byref(listed)))
        if not listed.value:
            return None
        while True:
            record = _Record(size=ctypes.sizeof(_Record))
            status = _lib.rblmap_answer(self._reader, 0, len(records), ctypes.byref(record))
            if status == END:
                return records
            _check(status)
            a = ".".join(map(str, record.a.to_bytes(4, "big"))) if record.has_a else None
            text = ctypes.string_at(ctypes.byref(record, _Record.text.offset), record.text_len)
            records.append((a, text))
