/* What lookups cost through the shared library, and what swaps do to them.
 *
 *   cost call IMAGE                 nanoseconds a call, each waiting for the one before
 *   cost bulk IMAGE NUMBERS         nanoseconds an address of a file of them, all in one call
 *   cost swaps FOLDER IMAGE         p50, p99.99 and most of a lookup without and with swaps
 *
 * The last has one thread that looks up and one that swaps 1,000 times, 5 ms from one to the next;
 * one line for each of 7 times both. */
#include <pthread.h>
#include <rblmap.h>
#include <stdlib.h>
#include <time.h>

#include "mirror.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int call(rblmap_list *list)
{
    enum { CALLS = 3000000 };
    rblmap_reader *reader = NULL;
    uint64_t listed;
    uint32_t address = 0xc0000200u;
    if (rblmap_reader_new(list, NULL, &reader))
        return 1;
    double start = now();
    for (int i = 0; i < CALLS; i++) {
        if (rblmap_lookup_v4(reader, address, &listed))
            return 2;
        address = 0xc0000200u | (uint32_t)listed;
    }
    printf("%.2f\n", (now() - start) / CALLS);
    return rblmap_reader_free(&reader);
}

/* The second time counts: all pages are there then. */
static int bulk(rblmap_list *list, const char *path)
{
    rblmap_reader *reader = NULL;
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) || rblmap_reader_new(list, NULL, &reader))
        return 1;
    size_t count = (size_t)ftell(file) / 4;
    uint32_t *addresses = malloc(count * 4);
    uint8_t *listed = malloc(count);
    rewind(file);
    if (!addresses || !listed || fread(addresses, 4, count, file) != count)
        return 2;
    double start = 0;
    for (int i = 0; i < 2; i++) {
        start = now();
        if (rblmap_lookup_v4_batch(reader, addresses, count, listed))
            return 3;
    }
    printf("%.2f\n", (now() - start) / count);
    free(addresses);
    free(listed);
    return fclose(file) || rblmap_reader_free(&reader);
}

/* Lookups by nanoseconds, the last for all that took longer. */
enum { SLOTS = 1 << 20, LOOKUPS = 110000000, SWAPS = 1000, ROUNDS = 7 };
static unsigned times[SLOTS];
static volatile int stop;
static const char *folder;
static uint64_t serial = 1;

static void *swapper(void *unused)
{
    struct timespec pause = {0, 5000000};
    for (int i = 0; i < SWAPS && !stop; i++) {
        if (swap_image(folder, ++serial))
            exit(5);
        nanosleep(&pause, NULL);
    }
    return unused;
}

static unsigned at(double share)
{
    uint64_t want = (uint64_t)(share * LOOKUPS), seen = 0;
    for (unsigned slot = 0; slot < SLOTS; slot++)
        if ((seen += times[slot]) >= want)
            return slot;
    return SLOTS;
}

static int round_of(rblmap_reader *reader, int with_swaps)
{
    pthread_t thread;
    uint64_t listed;
    double most = 0;
    memset(times, 0, sizeof times);
    stop = 0;
    if (with_swaps && pthread_create(&thread, NULL, swapper, NULL))
        return 1;
    double before = now();
    for (long i = 0; i < LOOKUPS; i++) {
        if (rblmap_lookup_v4(reader, 0xc0000200u | (uint32_t)(i & 3), &listed) || listed != ((i & 3) == 1))
            return 2;
        double after = now(), took = after - before;
        times[took < SLOTS - 1 ? (unsigned)took : SLOTS - 1]++;
        most = took > most ? took : most;
        before = after;
    }
    stop = 1;
    if (with_swaps)
        pthread_join(thread, NULL);
    printf("%s\t%u\t%u\t%.0f\n", with_swaps ? "swaps" : "still", at(0.5), at(0.9999), most);
    return 0;
}

int main(int argc, char **argv)
{
    rblmap_list *list = NULL;
    rblmap_reader *reader = NULL;
    if (argc == 3 && !strcmp(argv[1], "call"))
        return rblmap_open(argv[2], NULL, 0, &list) || call(list) || rblmap_close(&list);
    if (argc == 4 && !strcmp(argv[1], "bulk"))
        return rblmap_open(argv[2], NULL, 0, &list) || bulk(list, argv[3]) || rblmap_close(&list);
    if (argc != 4 || take_image(argv[3]))
        return 2;
    folder = argv[2];
    if (swap_image(folder, serial) || rblmap_open(folder, "ops.example", 0, &list) ||
        rblmap_reader_new(list, NULL, &reader))
        return 3;
    for (int i = 0; i < ROUNDS; i++)
        if (round_of(reader, 0) || round_of(reader, 1))
            return 4;
    rblmap_reader_free(&reader);
    return rblmap_close(&list);
}
