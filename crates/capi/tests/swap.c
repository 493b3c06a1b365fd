/* Swaps images while 4 threads and 4 forked children look up without pause.
 *
 *   swap FOLDER IMAGE SWAPS      the folder has ops.example.rbl and .status of generation 1
 *
 * No answer may be wrong; no lookup but a thread's first after a swap may call the system; a process
 * maps few images, and needs no more memory or descriptors at the end than near the start. */
#include <dirent.h>
#include <pthread.h>
#include <rblmap.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "calls.h"
#include "mirror.h"

enum { THREADS = 4, CHILDREN = 4 };

static uint64_t last;
static volatile int done;

static int count_files(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* How many images are mapped. The list is read in parts while it changes, so the least of a few. */
static int count_maps(void)
{
    char line[4096];
    int least = 1000;
    for (int i = 0; i < 5; i++) {
        int count = 0;
        FILE *maps = fopen("/proc/self/maps", "r");
        while (maps && fgets(line, sizeof line, maps))
            count += strstr(line, "/ops.example.rbl") != NULL;
        if (maps)
            fclose(maps);
        least = count < least ? count : least;
    }
    return least;
}

static long resident_pages(void)
{
    long size = 0, resident = -1;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%ld %ld", &size, &resident) != 2)
        resident = -1;
    if (statm)
        fclose(statm);
    return resident;
}

/* Looks up until there are no more swaps, or until `generation` is there; what went wrong, else 0. */
static long look_up(rblmap_list *list, uint64_t generation)
{
    rblmap_reader *reader = NULL;
    rblmap_info info = {0};
    uint64_t listed, serial = 0;
    long wrong = rblmap_reader_new(list, NULL, &reader) != RBLMAP_OK;
    int counted = !count_calls();
    info.size = sizeof info;
    while (!wrong && (generation ? info.generation != generation : !done)) {
        for (int i = 0; i < 1000; i++) {
            if (WATCH(rblmap_lookup_v4(reader, 0xc0000201u, &listed)) != RBLMAP_OK || listed != 1)
                wrong |= 1;
            if (WATCH(rblmap_lookup_v4(reader, 0xc0000202u, &listed)) != RBLMAP_OK || listed != 0)
                wrong |= 1;
        }
        if (generation) { /* never backwards */
            wrong |= rblmap_status(list, 0, &info) || info.problem || info.serial < serial ? 2 : 0;
            serial = info.serial;
        }
    }
    wrong |= rblmap_status(list, 0, &info) || info.problem || info.serial != last ? 4 : 0;
    wrong |= (uint64_t)calls > last ? 8 : 0;
    if (counted) { /* The counter counts: a refresh looks. */
        calls = 0;
        WATCH(rblmap_refresh(list, NULL));
        wrong |= calls == 0 ? 16 : 0;
    }
    rblmap_reader_free(&reader);
    return wrong;
}

static void *thread(void *list)
{
    return (void *)look_up((rblmap_list *)list, 0);
}

static int child(rblmap_list *list)
{
    int inherited = count_maps();
    long wrong = look_up(list, last);
    /* What the parent's threads had when it was forked stays mapped, and one's own comes with it. */
    if (inherited > THREADS + 1 || count_maps() > inherited + 1)
        wrong |= 32;
    return (int)wrong;
}

int main(int argc, char **argv)
{
    rblmap_list *list = NULL;
    pthread_t threads[THREADS];
    pid_t children[CHILDREN] = {0};
    void *wrong;
    rblmap_info info = {0};
    int status, forked = 0, files = 0, folder_files = 0, result = 0;
    long pages = 0;
    if (argc != 4)
        return 2;
    info.size = sizeof info;
    last = strtoull(argv[3], NULL, 10);
    if (take_image(argv[2]) || swap_image(argv[1], 1))
        return 3;
    if (rblmap_open(argv[1], "ops.example", 0, &list) != RBLMAP_OK)
        return 4;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, thread, list);
    for (uint64_t serial = 2; serial <= last; serial++) {
        /* Children are forked in the midst of it, while threads take new images. */
        if (forked < CHILDREN && serial % (last / (CHILDREN + 1)) == 0) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(child(list));
            children[forked++] = pid;
        }
        if (swap_image(argv[1], serial))
            return 5;
        /* What is in place is seen at once; mostly it is the threads that open it. */
        if (serial % 10 == 0 &&
            (rblmap_status(list, 0, &info) || info.problem || info.serial != serial)) {
            fprintf(stderr, "swap %d is not seen\n", (int)serial);
            result = 7;
        }
        int maps = count_maps();
        if (maps > THREADS + 1) {
            fprintf(stderr, "%d images mapped\n", maps);
            result = 9;
        }
        if (serial == last / 5) {
            files = count_files("/proc/self/fd");
            folder_files = count_files(argv[1]);
            pages = resident_pages();
        }
    }
    done = 1;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &wrong);
        if (wrong) {
            fprintf(stderr, "thread: %ld\n", (long)wrong);
            result = 6;
        }
    }
    for (int i = 0; i < forked; i++) {
        waitpid(children[i], &status, 0);
        if (status) {
            fprintf(stderr, "child: %#x\n", status);
            result = 8;
        }
    }
    /* 64 pages of 4 KiB: a fraction of a byte for each of the swaps' images would show. */
    if (resident_pages() > pages + 64 || count_files("/proc/self/fd") > files ||
        count_files(argv[1]) != folder_files) {
        fprintf(stderr, "%ld pages, then %ld\n", pages, resident_pages());
        result = 10;
    }
    rblmap_close(&list);
    if (count_maps() != 0)
        result = 11;
    printf("%s\n", count_calls() ? "skipped: system calls are not counted here" : "calls counted");
    return result;
}
