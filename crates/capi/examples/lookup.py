"""lookup.py FOLDER|IMAGE ZONE|- NOW KEY...: as lookup.c."""

import sys

import rblmap

path, zone, now, *keys = sys.argv[1:]
try:
    rblmap.List(path, None if zone == "-" else zone, "no-such-zone")
except rblmap.Error as error:
    if error.status != rblmap.NO_ZONE:
        sys.exit(f"{path}: {error}")
with rblmap.List(path, None if zone == "-" else zone) as blocked:
    freshness = blocked.freshness(int(now))
    if freshness == rblmap.STALE:
        print("stale: the mirror is late", file=sys.stderr)
    for key in keys:
        try:
            records = blocked.lookup(key)
        except rblmap.Error:
            records = blocked.lookup_name(key)
        if freshness >= rblmap.EXPIRED:
            print(key, "expired")
        elif records is None:
            print(key, "not listed")
        else:
            text = next((text for a, text in records if a and text), b"")
            print(key, "listed", "554 5.7.1 " + text.decode("ascii", "replace"))
