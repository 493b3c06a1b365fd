#!/usr/bin/env python3
"""The cases that real mail servers run against `rblmap serve`: matrix.py DIR RBLMAP SOURCE SERVER...

DIR was made by scripts/mta, which starts this inside the network namespace. Prints a line a case,
then a table of what was shown at which server, and ends with 1 if any failed or was not shown."""
import os
import shutil
import sys

import world
from postfix import postfix
from scorers import rspamd, spamassassin
from servers import exim, opensmtpd, opensmtpd7, sendmail
from world import DIR, LIBRARY, RBLMAP, RBLMAP_HERE, RUN, SERVERS, Serve, case, conf, images, table, write

KNOWN = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd, "opensmtpd7": opensmtpd7, "sendmail": sendmail,
         "rspamd": rspamd, "spamassassin": spamassassin}


def main():
    shutil.copy(RBLMAP, RBLMAP_HERE + ".new")
    os.rename(RBLMAP_HERE + ".new", RBLMAP_HERE)
    for name in ("librblmap.so.0", "librblmap.so", "librblmap_capi.so"):
        built = os.path.join(os.path.dirname(RBLMAP), name)
        if os.path.exists(built):
            shutil.copy(built, LIBRARY + ".new")
            os.rename(LIBRARY + ".new", LIBRARY)
            break
    os.makedirs(RUN + "/img", exist_ok=True)
    os.makedirs(DIR + "/log", exist_ok=True)
    for file in ("serve.log", "score.log"):
        if os.path.exists(DIR + "/log/" + file):
            os.unlink(DIR + "/log/" + file)
    images()
    for config in ("mail.toml", "score.toml"):
        write(RUN + "/" + config, conf(config))
    os.chown(RUN, 65534, 65534)
    servers = SERVERS or list(KNOWN)
    serve, score = Serve(RUN + "/mail.toml", "serve.log"), Serve(RUN + "/score.toml", "score.log")
    try:
        for name in servers:
            try:
                KNOWN[name](serve, score)
            except (OSError, ValueError) as error:
                case(name, "the cases run to their end", False, repr(error))
    finally:
        serve.stop()
        score.stop()
    table(servers)
    print("%d cases, %d failed" % (world.count, len(world.failed)))
    sys.exit(1 if world.failed else 0)


main()
