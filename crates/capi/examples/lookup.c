/* Looks keys up in a list, in threads and in a child: cc lookup.c $(pkg-config --cflags --libs rblmap)
 *
 *   lookup FOLDER|IMAGE ZONE|- NOW KEY...      prints one line a key
 *
 * Valid as C99 and as C++. */
#include <pthread.h>
#include <rblmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int status)
{
    fprintf(stderr, "%s: %s\n", what, rblmap_strerror(status));
    return 2;
}

static int show(rblmap_reader *reader, const char *key, int freshness)
{
    uint64_t listed;
    char line[511];
    int status = rblmap_lookup_text(reader, key, &listed);
    if (status == RBLMAP_KEY)
        status = rblmap_lookup_name(reader, key, &listed);
    if (status != RBLMAP_OK)
        return fail(key, status);
    if (freshness >= RBLMAP_EXPIRED) {
        printf("%s expired\n", key);
    } else if (!listed) {
        printf("%s not listed\n", key);
    } else {
        status = rblmap_render(reader, "554 5.7.1 ", line, sizeof line, NULL);
        printf("%s listed %s\n", key, status == RBLMAP_OK ? line : "");
    }
    return 0;
}

/* What each thread does: a reader of its own. */
static void *thread(void *list)
{
    rblmap_reader *reader = NULL;
    uint64_t listed;
    long failed = rblmap_reader_new((rblmap_list *)list, NULL, &reader) != RBLMAP_OK;
    for (int i = 0; i < 1000 && !failed; i++)
        failed = rblmap_lookup_v4(reader, (uint32_t)i, &listed) != RBLMAP_OK;
    rblmap_reader_free(&reader);
    return (void *)failed;
}

int main(int argc, char **argv)
{
    rblmap_list *list = NULL;
    rblmap_reader *reader = NULL;
    pthread_t threads[2];
    void *failed;
    int status, freshness, result = 0;
    uint64_t now;
    if (argc < 4)
        return 2;
    now = strtoull(argv[3], NULL, 10);
    status = rblmap_open(argv[1], strcmp(argv[2], "-") ? argv[2] : NULL, 0, &list);
    if (status != RBLMAP_OK)
        return fail(argv[1], status);
    status = rblmap_reader_new(list, "no-such-zone", &reader);
    if (status != RBLMAP_NO_ZONE)
        return fail("no-such-zone", status);
    status = rblmap_reader_new(list, NULL, &reader);
    if (status != RBLMAP_OK)
        return fail(argv[1], status);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, thread, list))
            return 2;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed);
        if (failed)
            result = 2;
    }
    /* A child goes on with what the parent opened, as a mail server forks for a connection. */
    pid_t child = fork();
    if (child == 0) {
        uint64_t listed = 0;
        status = rblmap_lookup_v4(reader, 0xc0000201u, &listed);
        _exit(status != RBLMAP_OK);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        result = 2;
    status = rblmap_freshness(reader, 0, now, &freshness);
    if (status != RBLMAP_OK)
        return fail("freshness", status);
    if (freshness == RBLMAP_STALE)
        fprintf(stderr, "stale: the mirror is late\n");
    for (int i = 4; i < argc; i++)
        if (show(reader, argv[i], freshness))
            result = 2;
    rblmap_reader_free(&reader);
    rblmap_close(&list);
    return result;
}
