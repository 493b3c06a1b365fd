/* rblmap.h - look mail clients up in block list images. See librblmap(3), and a page of section 3
 * for each function.
 *
 * Ownership, in ten lines:
 *  - A list (rblmap_open) may be used by all threads, and by children after fork.
 *  - A reader (rblmap_reader_new) and a walk belong to one thread at a time, and may move.
 *  - Readers and walks keep what they need of their list: close them in any order.
 *  - Closing takes the address of your pointer and sets it to NULL; closing NULL does nothing.
 *  - All that comes out is copied into your memory; nothing has to be freed.
 *  - Outputs are written only when RBLMAP_OK comes back, save where it says so.
 *  - A lookup allocates nothing, prints nothing, takes no lock and calls no system function, but
 *    for a thread's first after a swap, which may open the new image.
 *  - The library never asks for the time of day: you say it, in seconds since 1970.
 *  - Set `size` of a struct to its sizeof before you pass it; it may grow with later versions.
 *  - None of these functions may be called by a signal handler. Set a flag there instead.
 */
#ifndef RBLMAP_H
#define RBLMAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sockaddr;
typedef struct rblmap_list rblmap_list;
typedef struct rblmap_reader rblmap_reader;
typedef struct rblmap_walk rblmap_walk;

#define RBLMAP_ABI_VERSION 0

/* What functions return. After RBLMAP_IO errno says why; rblmap_last_error has it in words. */
#define RBLMAP_OK 0
#define RBLMAP_NULL 1        /* an argument is NULL that must not be */
#define RBLMAP_HANDLE 2      /* not an open handle of this kind: closed already, or of another kind */
#define RBLMAP_ARGUMENT 3    /* unknown flags, a size that is too small, or more than 256 zones */
#define RBLMAP_KEY 4         /* not an address, not a name, another address family */
#define RBLMAP_NO_ZONE 5     /* the image has no such zone: not the same as not listed */
#define RBLMAP_IO 6          /* no such file, no permission, a folder, a pipe, ... */
#define RBLMAP_FOREIGN 7     /* not an image */
#define RBLMAP_NEWER 8       /* an image or status page of a newer format, or one no longer read */
#define RBLMAP_DAMAGED 9     /* an image or status page that is cut or altered */
#define RBLMAP_OTHER_ZONE 10 /* an image of another zone */
#define RBLMAP_SHORT 11      /* too little room: *need was written; or too few words for the zones */
#define RBLMAP_END 12        /* no more records, nothing to render, the end of a walk or list */
#define RBLMAP_PANIC 13      /* a fault of the library */
#define RBLMAP_BUSY 14       /* a signal handler called while its thread was in the library */

/* Flags of rblmap_open. */
#define RBLMAP_COPY 1u /* copy into memory instead of mapping, and compare with the digests; new
                          images by rblmap_freshness and rblmap_refresh only */
#define RBLMAP_WAIT 2u /* open even if there is no image yet */

/* Freshness: whether answers count. They do while it is less than RBLMAP_EXPIRED. */
#define RBLMAP_FRESH 0   /* nothing is known to be wrong */
#define RBLMAP_STALE 1   /* the mirror is late, or cannot be followed; answers go on */
#define RBLMAP_EXPIRED 2 /* answers should not count */
#define RBLMAP_RETIRED 3 /* the list was given up: nothing counts as listed */
#define RBLMAP_WAITING 4 /* there is no image yet: no opinion */

/* One record of an answer. */
typedef struct rblmap_record {
    uint32_t size;
    uint32_t has_a;
    uint32_t a;        /* host order: 0x7f000002 is 127.0.0.2 */
    uint32_t text_len; /* bytes of the text; 0: there is none */
    char text[256];    /* any bytes, then a NUL */
    /* The widest network around the address in which all addresses have this answer. */
    uint32_t family;   /* of that network: 4, 6, or 0 for a name */
    uint32_t prefix;   /* its prefix length */
    uint8_t network[16]; /* its first address, in the order of the network; 4 or 16 bytes */
} rblmap_record;

/* Where a list stands. */
typedef struct rblmap_info {
    uint32_t size;
    uint32_t freshness; /* of the list's base zone, or of the reader's zone */
    int32_t problem; /* RBLMAP_OK, or why the image or status page in place is not in use */
    uint32_t held;   /* 1: a rollback holds the image */
    uint64_t serial;
    uint64_t created;
    uint64_t generation; /* this and the next three: 0 without a status page */
    uint64_t stale_from;
    uint64_t expired_from;
    uint64_t checked;
    int32_t cause;    /* the errno behind RBLMAP_IO, else 0 */
    uint32_t format;  /* of the image */
    uint64_t expires; /* when the zone itself expires; 0: never */
} rblmap_info;

/* A zone of a list. */
typedef struct rblmap_zone {
    uint32_t size;
    uint32_t holds; /* bits: 1 IPv4 addresses, 2 IPv6 addresses, 4 names */
    uint64_t expires;
    uint64_t names; /* how many */
} rblmap_zone;

/* What a walk comes by: addresses that all have one answer, or a name. */
typedef struct rblmap_entry {
    uint32_t size;
    uint32_t kind;   /* 4, 6, or 0 for a name */
    uint32_t listed; /* addresses: 0 or 1; a name: 1 itself, 2 the names below it, 3 both, 0 an exception
                      * from a wider name, which is not listed */
    uint32_t name_len;
    uint8_t first[16]; /* first and last address, in the order of the network; 4 or 16 bytes */
    uint8_t last[16];
    char name[1024]; /* as zone files write it, then a NUL */
} rblmap_entry;

uint32_t rblmap_abi_version(void);
const char *rblmap_version(void);
const char *rblmap_strerror(int status);
/* What the last call of this thread that failed, or the last status with a problem, has to say:
 * path and cause in one line. *need (may be NULL) is the room needed, NUL included. */
int rblmap_last_error(char *buffer, size_t len, size_t *need);

/* Opens a zone in a mirror's folder (ZONE.rbl, and ZONE.status beside it) or, with zone NULL, an
 * image by its path (NAME.rbl, and NAME.status beside it). Without RBLMAP_COPY you promise that the
 * files are replaced by rename only. */
int rblmap_open(const char *path, const char *zone, uint32_t flags, rblmap_list **out);
int rblmap_close(rblmap_list **list);
/* Looks at the folder at once, and tries again what failed. rblmap_freshness looks too: call this
 * every few seconds where you ask for no freshness. changed may be NULL. On failure the last good
 * image goes on answering. */
int rblmap_refresh(rblmap_list *list, int *changed);
int rblmap_status(rblmap_list *list, uint64_t now, rblmap_info *out);
/* Zone number index of the image, the base first; RBLMAP_END behind the last. Any of name and need
 * together, and out, may be NULL. */
int rblmap_zone_at(rblmap_list *list, size_t index, char *name, size_t len, size_t *need,
                   rblmap_zone *out);

/* zone is relative to the list, NULL or "@" for its base. */
int rblmap_reader_new(rblmap_list *list, const char *zone, rblmap_reader **out);
/* Adds a zone, up to 256: lookups ask all at once, and bit i % 64 of listed[i / 64] is zone i. */
int rblmap_reader_add(rblmap_reader *reader, rblmap_list *list, const char *zone);
int rblmap_reader_free(rblmap_reader **reader);
/* Whether answers of zone number index count at a time: of the newest image, which this call takes.
 * The first call for each second looks at the folder. */
int rblmap_freshness(rblmap_reader *reader, size_t index, uint64_t now, int *out);
int rblmap_reader_status(rblmap_reader *reader, size_t index, uint64_t now, rblmap_info *out);

/* Lookups: *listed is 0 for not listed, else has a bit for each zone that lists the key. A zone that
 * its list has lost lists nothing; RBLMAP_NO_ZONE if no zone is left. After a lookup that failed
 * there is no answer. With more than 64 zones: RBLMAP_SHORT. */
int rblmap_lookup_v4(rblmap_reader *reader, uint32_t host_order, uint64_t *listed);
int rblmap_lookup_v6(rblmap_reader *reader, const uint8_t address[16], uint64_t *listed);
int rblmap_lookup_sockaddr(rblmap_reader *reader, const struct sockaddr *address, size_t len,
                           uint64_t *listed);
int rblmap_lookup_text(rblmap_reader *reader, const char *address, uint64_t *listed);
int rblmap_lookup_name(rblmap_reader *reader, const char *name, uint64_t *listed);
/* With a length, so that a NUL inside is no end; listed has room for `words` numbers. rblmap_lookup
 * takes an address, an address in brackets, an address%interface, or a name by the strict rules;
 * anything else is RBLMAP_KEY. */
int rblmap_lookup(rblmap_reader *reader, const char *text, size_t len, uint64_t *listed,
                  size_t words);
int rblmap_lookup_name_n(rblmap_reader *reader, const char *name, size_t len, uint64_t *listed,
                         size_t words);
/* Many IPv4 addresses in the reader's first zone; listed[i] becomes 0 or 1. */
int rblmap_lookup_v4_batch(rblmap_reader *reader, const uint32_t *host_order, size_t count,
                           uint8_t *listed);

/* Whether zone number zone lists the key of the last lookup. */
int rblmap_listed(rblmap_reader *reader, size_t zone, int *listed);
/* Record number index, of zone number zone, of the reader's last lookup of one key. */
int rblmap_answer(rblmap_reader *reader, size_t zone, size_t index, rblmap_record *out);
/* A reply line of the last lookup: prefix ("554 5.7.1 "; may be NULL) and the first text, in
 * printable ASCII, at most 510 bytes and a NUL. *need (may be NULL) is the room needed, NUL
 * included; it is written for RBLMAP_SHORT too. Of all zones, of one, or of those in a mask. */
int rblmap_render(rblmap_reader *reader, const char *prefix, char *buffer, size_t len,
                  size_t *need);
int rblmap_render_zone(rblmap_reader *reader, size_t zone, const char *prefix, char *buffer,
                       size_t len, size_t *need);
int rblmap_render_mask(rblmap_reader *reader, const uint64_t *mask, size_t words,
                       const char *prefix, char *buffer, size_t len, size_t *need);

/* Walks: what a zone lists, in order, of the image as it was when the walk began; of names the
 * exceptions, too. For code and text, look an entry up. */
int rblmap_walk_v4(rblmap_reader *reader, size_t zone, uint32_t first, uint32_t last,
                   rblmap_walk **out);
/* first and last may be NULL: the ends of all. */
int rblmap_walk_v6(rblmap_reader *reader, size_t zone, const uint8_t first[16],
                   const uint8_t last[16], rblmap_walk **out);
/* Names that are `under` or below it; NULL for all. */
int rblmap_walk_names(rblmap_reader *reader, size_t zone, const char *under, rblmap_walk **out);
int rblmap_walk_next(rblmap_walk *walk, rblmap_entry *out);
int rblmap_walk_free(rblmap_walk **walk);

#ifdef __cplusplus
}
#endif
#endif
