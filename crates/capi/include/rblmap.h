/* rblmap.h - look mail clients up in block list images. See librblmap(3).
 *
 * Ownership, in ten lines:
 *  - A list (rblmap_open) may be used by all threads, and by children after fork.
 *  - A reader (rblmap_reader_new) belongs to one thread at a time.
 *  - A reader keeps what it needs of its list: close them in any order.
 *  - Closing takes the address of your pointer and sets it to NULL; closing NULL does nothing.
 *  - All that comes out is copied into your memory; nothing has to be freed.
 *  - Outputs are written only when RBLMAP_OK comes back, save where it says so.
 *  - A lookup allocates nothing, prints nothing, takes no lock and calls no system function, but
 *    for a thread's first after a swap, which may open the new image.
 *  - The library never looks at the clock: you say what time it is, in seconds since 1970.
 *  - Set `size` of a struct to its sizeof before you pass it; it may grow with later versions.
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

#define RBLMAP_ABI_VERSION 0

/* What functions return. */
#define RBLMAP_OK 0
#define RBLMAP_NULL 1        /* an argument is NULL that must not be */
#define RBLMAP_HANDLE 2      /* not a handle of this kind */
#define RBLMAP_ARGUMENT 3    /* unknown flags, or a struct with a size that is too small */
#define RBLMAP_KEY 4         /* not an address, not a name, another address family */
#define RBLMAP_NO_ZONE 5     /* the image has no such zone: not the same as not listed */
#define RBLMAP_IO 6          /* no such file, no permission, a folder, a pipe, ... */
#define RBLMAP_FOREIGN 7     /* not an image */
#define RBLMAP_NEWER 8       /* an image of a newer format, or of one no longer read */
#define RBLMAP_DAMAGED 9     /* an image that is cut or altered */
#define RBLMAP_OTHER_ZONE 10 /* an image of another zone */
#define RBLMAP_SHORT 11      /* the buffer is too short; *need was written */
#define RBLMAP_END 12        /* no more records, or nothing to render */
#define RBLMAP_PANIC 13      /* a fault of the library */

/* Flags of rblmap_open. */
#define RBLMAP_COPY 1u /* copy into memory instead of mapping; new images by rblmap_refresh only */

/* Freshness: whether answers count. */
#define RBLMAP_FRESH 0
#define RBLMAP_STALE 1   /* the mirror is late; answers go on */
#define RBLMAP_EXPIRED 2 /* answers should not count */
#define RBLMAP_RETIRED 3 /* the list was given up: nothing counts as listed */

/* One record of an answer. */
typedef struct rblmap_record {
    uint32_t size;
    uint32_t has_a;
    uint32_t a;        /* host order: 0x7f000002 is 127.0.0.2 */
    uint32_t text_len; /* bytes of the text; 0: there is none */
    char text[256];    /* any bytes, then a NUL */
} rblmap_record;

/* Where a list stands. */
typedef struct rblmap_info {
    uint32_t size;
    uint32_t freshness;
    int32_t problem; /* RBLMAP_OK, or why the image in place is not the one that answers */
    uint32_t held;   /* 1: a rollback holds the image */
    uint64_t serial;
    uint64_t created;
    uint64_t generation; /* this and the rest: 0 without a status page */
    uint64_t stale_from;
    uint64_t expired_from;
    uint64_t checked;
} rblmap_info;

uint32_t rblmap_abi_version(void);
const char *rblmap_version(void);
const char *rblmap_strerror(int status);

/* Opens a zone in a mirror's folder or, with zone NULL, an image by its path. */
int rblmap_open(const char *path, const char *zone, uint32_t flags, rblmap_list **out);
int rblmap_close(rblmap_list **list);
/* Looks for a new image; needed where there is no status page and with RBLMAP_COPY. changed may
 * be NULL. On failure the last good image goes on answering. */
int rblmap_refresh(rblmap_list *list, int *changed);
int rblmap_status(rblmap_list *list, uint64_t now, rblmap_info *out);

/* zone is relative to the list, NULL or "@" for its base. */
int rblmap_reader_new(rblmap_list *list, const char *zone, rblmap_reader **out);
/* Adds a zone, up to 64: lookups ask all at once, and bit i of *listed is zone i. */
int rblmap_reader_add(rblmap_reader *reader, rblmap_list *list, const char *zone);
int rblmap_reader_free(rblmap_reader **reader);
/* Of zone number index; no system call. */
int rblmap_freshness(rblmap_reader *reader, size_t index, uint64_t now, int *out);

/* Lookups: *listed is 0 for not listed, else has a bit for each zone that lists the key. */
int rblmap_lookup_v4(rblmap_reader *reader, uint32_t host_order, uint64_t *listed);
int rblmap_lookup_v6(rblmap_reader *reader, const uint8_t address[16], uint64_t *listed);
int rblmap_lookup_sockaddr(rblmap_reader *reader, const struct sockaddr *address, size_t len,
                           uint64_t *listed);
int rblmap_lookup_text(rblmap_reader *reader, const char *address, uint64_t *listed);
int rblmap_lookup_name(rblmap_reader *reader, const char *name, uint64_t *listed);
/* Many IPv4 addresses in the reader's first zone; listed[i] becomes 0 or 1. */
int rblmap_lookup_v4_batch(rblmap_reader *reader, const uint32_t *host_order, size_t count,
                           uint8_t *listed);

/* Record number index, of zone number zone, of the reader's last lookup of one key. */
int rblmap_answer(rblmap_reader *reader, size_t zone, size_t index, rblmap_record *out);
/* A reply line of the last lookup: prefix ("554 5.7.1 "; may be NULL) and the first text, in
 * printable ASCII, at most 510 bytes and a NUL. *need (may be NULL) is the room needed, NUL
 * included; it is written for RBLMAP_SHORT too. */
int rblmap_render(rblmap_reader *reader, const char *prefix, char *buffer, size_t len,
                  size_t *need);

#ifdef __cplusplus
}
#endif
#endif
