/* Exim's ${dlfunc} on librblmap: asks an image in Exim's own process.
 *
 *   ${dlfunc{/usr/lib/exim4/exim-rblmap.so}{rblmap_why}{/var/lib/rblmap/ops.example.rbl}{$sender_host_address}}
 *   ${dlfunc{/usr/lib/exim4/exim-rblmap.so}{rblmap_why}{/var/lib/rblmap}{ops.example}{$sender_host_address}}
 *
 * The result is the text of the listing ("listed" if it has none), or nothing for a client that is
 * not listed. With a folder of a mirror and a zone, its status page is followed. An image that is
 * missing, damaged, expired or given up yields nothing and one line in Exim's main log a process:
 * mail passes.
 *
 * Exim starts a process for each connection, and opening an image costs microseconds whatever its
 * size, so nothing is kept between connections. */
#include <rblmap.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef unsigned char uschar;

/* From Exim's local_scan.h. */
enum { EXIM_OK = 0, EXIM_ERROR = 3 };
enum { EXIM_LOG_MAIN = 1 };
extern void log_write(unsigned int selector, int which, const char *format, ...)
    __attribute__((weak));

enum { ONE_LIST = 2, FOLDER_AND_ZONE = 3 };

static rblmap_list *list;
static rblmap_reader *reader;
static char opened[1024];
static char text[512];
static int told;

static void tell(const char *where, const char *what)
{
    if (!told && log_write)
        log_write(0, EXIM_LOG_MAIN, "rblmap: %s: %s: mail passes", where, what);
    told = 1;
}

/* Opens the list, unless it is the one that is open. */
static int open_list(const char *path, const char *zone)
{
    char name[sizeof opened];
    int status;

    snprintf(name, sizeof name, "%s|%s", path, zone ? zone : "");
    if (reader && !strcmp(name, opened))
        return RBLMAP_OK;
    rblmap_reader_free(&reader);
    rblmap_close(&list);
    status = rblmap_open(path, zone, 0, &list);
    if (status == RBLMAP_OK)
        status = rblmap_reader_new(list, NULL, &reader);
    if (status != RBLMAP_OK) {
        rblmap_close(&list);
        return status;
    }
    memcpy(opened, name, sizeof opened);
    return RBLMAP_OK;
}

int rblmap_why(uschar **yield, int argc, uschar *argv[])
{
    const char *path, *zone, *address;
    uint64_t listed = 0;
    int status, freshness = RBLMAP_FRESH;

    *yield = (uschar *)"";
    if (argc != ONE_LIST && argc != FOLDER_AND_ZONE) {
        *yield = (uschar *)"rblmap_why: IMAGE and ADDRESS, or FOLDER, ZONE and ADDRESS";
        return EXIM_ERROR;
    }
    path = (char *)argv[0];
    zone = argc == FOLDER_AND_ZONE ? (char *)argv[1] : NULL;
    address = (char *)argv[argc - 1];
    status = open_list(path, zone);
    if (status != RBLMAP_OK) {
        tell(path, rblmap_strerror(status));
        return EXIM_OK;
    }
    if (rblmap_freshness(reader, 0, (uint64_t)time(NULL), &freshness) != RBLMAP_OK ||
        freshness == RBLMAP_EXPIRED || freshness == RBLMAP_RETIRED) {
        tell(path, freshness == RBLMAP_RETIRED ? "the list was given up" : "expired");
        return EXIM_OK;
    }
    /* Mail that comes from this machine itself has no address. */
    if (rblmap_lookup_text(reader, address, &listed) != RBLMAP_OK || !listed)
        return EXIM_OK;
    if (rblmap_render(reader, NULL, text, sizeof text, NULL) != RBLMAP_OK || !*text)
        strcpy(text, "listed");
    *yield = (uschar *)text;
    return EXIM_OK;
}
