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
    char why[1025];
    if (rblmap_last_error(why, sizeof why, NULL) != RBLMAP_OK)
        snprintf(why, sizeof why, "%s", rblmap_strerror(status));
    fprintf(stderr, "%s: %s\n", what, why);
    return 2;
}

static int ask(rblmap_reader *reader, const char *key, uint64_t *listed)
{
    return rblmap_lookup(reader, key, strlen(key), listed, 1);
}

static int show(rblmap_reader *reader, const char *key, int freshness)
{
    uint64_t listed;
    char line[511];
    int status = ask(reader, key, &listed);
    if (status == RBLMAP_KEY) {
        printf("%s neither an address nor a name\n", key);
        return 0;
    }
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

/* What a thread asks, and the answer that the first one got. */
struct question {
    rblmap_list *list;
    const char *key;
    int status;
    uint64_t listed;
};

/* What each thread does: a reader of its own. */
static void *thread(void *arg)
{
    struct question *question = (struct question *)arg;
    rblmap_reader *reader = NULL;
    uint64_t listed = 0;
    long failed = rblmap_reader_new(question->list, NULL, &reader) != RBLMAP_OK;
    for (int i = 0; i < 1000 && !failed; i++)
        failed = ask(reader, question->key, &listed) != question->status ||
                 listed != question->listed;
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
    struct question question = {list, argc > 4 ? argv[4] : "", RBLMAP_OK, 0};
    question.status = ask(reader, question.key, &question.listed);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, thread, &question))
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
        status = ask(reader, question.key, &listed);
        _exit(status != question.status || listed != question.listed);
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
