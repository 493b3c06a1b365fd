"""Answers and walks an image for the test that compares two readers.

    python3 read.py IMAGE [--walk] < KEYS

A line of KEYS is `4 NUMBER`, `6 NUMBER` (both hexadecimal) or `n NAME`. Each zone answers each key
in one line: zone, key, A records, texts in hexadecimal, between tabs. Before them stands what was
verified: the digests, and with --walk the content id worked out from all entries, and the counts of runs.
"""

import ipaddress
import sys

from content_id import content_id_of_image
from image import Image, answer


def ask(zone, line):
    kind, _, key = line.partition(" ")
    if kind == "4":
        return zone.lookup_v4(int(key, 16))
    if kind == "6":
        return zone.lookup_v6(int(key, 16))
    return zone.lookup_name(key)


def main(path, *options):
    with open(path, "rb") as file:
        image = Image(file.read())
    image.verify()
    print(f"verified\t{image.name}\t{image.content_id.hex()}\t{image.serial}\t{image.created}")
    if "--walk" in options:
        for zone in image.zones.values():
            zone.check_run_counts()
        print(f"walked\t{content_id_of_image(image).hex()}")
    keys = sys.stdin.read().splitlines()
    for name, zone in image.zones.items():
        for line in keys:
            addresses, texts = answer(ask(zone, line))
            shown = " ".join(str(ipaddress.IPv4Address(a)) for a in addresses)
            print(name, line, shown, " ".join(text.hex() or "-" for text in texts), sep="\t")


main(*sys.argv[1:])
