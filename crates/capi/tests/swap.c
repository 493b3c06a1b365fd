/* Swaps images while 4 threads and 4 forked children look up without pause.
 *
 *   swap FOLDER IMAGE SWAPS      the folder has ops.example.rbl and .status of generation 1 */
#include <fcntl.h>
#include <pthread.h>
#include <rblmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t last;

/* Looks up until the last generation is there; NULL if no answer was wrong or failed. */
static void *look(void *arg)
{
    rblmap_list *list = (rblmap_list *)arg;
    rblmap_reader *reader = NULL;
    rblmap_info info;
    uint64_t listed, serial = 0;
    long wrong = rblmap_reader_new(list, NULL, &reader) != RBLMAP_OK;
    while (!wrong) {
        for (int i = 0; i < 1000; i++) {
            wrong |= rblmap_lookup_v4(reader, 0xc0000201u, &listed) != RBLMAP_OK || listed != 1;
            wrong |= rblmap_lookup_v4(reader, 0xc0000202u, &listed) != RBLMAP_OK || listed != 0;
        }
        info.size = sizeof info;
        wrong |= rblmap_status(list, 0, &info) != RBLMAP_OK || info.problem != RBLMAP_OK;
        wrong |= info.serial < serial; /* never backwards */
        serial = info.serial;
        if (info.generation == last) {
            wrong |= info.serial != last;
            break;
        }
    }
    rblmap_reader_free(&reader);
    return (void *)wrong;
}

static int place(const char *folder, char *image, size_t len, uint64_t serial)
{
    char from[4096], to[4096];
    snprintf(from, sizeof from, "%s/.new", folder);
    snprintf(to, sizeof to, "%s/ops.example.rbl", folder);
    memcpy(image + 24, &serial, 8);
    FILE *file = fopen(from, "wb");
    if (!file || fwrite(image, 1, len, file) != len || fclose(file) || rename(from, to))
        return 1;
    snprintf(to, sizeof to, "%s/ops.example.status", folder);
    int page = open(to, O_WRONLY);
    int failed = page < 0 || pwrite(page, &serial, 8, 16) != 8;
    close(page);
    return failed;
}

int main(int argc, char **argv)
{
    static char image[1 << 20];
    rblmap_list *list = NULL;
    pthread_t threads[4];
    pid_t children[4];
    void *wrong;
    int status, result = 0;
    if (argc != 4)
        return 2;
    last = strtoull(argv[3], NULL, 10);
    FILE *file = fopen(argv[2], "rb");
    size_t len = file ? fread(image, 1, sizeof image, file) : 0;
    if (!len || fclose(file) || place(argv[1], image, len, 1))
        return 3;
    if (rblmap_open(argv[1], "ops.example", 0, &list) != RBLMAP_OK)
        return 4;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, look, list);
    for (uint64_t serial = 2; serial <= last; serial++) {
        /* Children are forked in the midst of it, while threads take new images. */
        if (serial % (last / 5) == 0 && serial / (last / 5) <= 4) {
            pid_t child = fork();
            if (child == 0)
                _exit(look(list) != NULL);
            children[serial / (last / 5) - 1] = child;
        }
        if (place(argv[1], image, len, serial))
            return 5;
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        result |= wrong ? 6 : 0;
        waitpid(children[i], &status, 0);
        result |= status ? 8 : 0;
    }
    rblmap_close(&list);
    return result;
}
