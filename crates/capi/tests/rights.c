/* A program that opens a list, goes into an empty root and drops its rights still sees new images.
 *
 *   rights FOLDER IMAGE EMPTY      run by root; the folder as for swap.c */
#include <grp.h>
#include <rblmap.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "mirror.h"

static int confined(rblmap_list *list, const char *empty, int ready)
{
    rblmap_reader *reader = NULL;
    rblmap_info info = {0};
    uint64_t listed;
    time_t end = time(NULL) + 10;
    if (rblmap_reader_new(list, NULL, &reader))
        return 1;
    if (chroot(empty) || chdir("/") || setgroups(0, NULL) || setgid(65534) || setuid(65534))
        return 2;
    if (write(ready, "", 1) != 1)
        return 3;
    do {
        if (rblmap_lookup_v4(reader, 0xc0000201u, &listed) || !listed)
            return 4;
        info.size = sizeof info;
        if (rblmap_status(list, 0, &info) || info.problem || time(NULL) > end)
            return 5;
    } while (info.serial != 2);
    rblmap_reader_free(&reader);
    return 0;
}

int main(int argc, char **argv)
{
    rblmap_list *list = NULL;
    int ready[2], status;
    char byte;
    if (argc != 4 || take_image(argv[2]) || swap_image(argv[1], 1) || pipe(ready))
        return 10;
    if (rblmap_open(argv[1], "ops.example", 0, &list))
        return 11;
    pid_t pid = fork();
    if (pid == 0)
        _exit(confined(list, argv[3], ready[1]));
    if (read(ready[0], &byte, 1) != 1 || swap_image(argv[1], 2))
        return 12;
    if (waitpid(pid, &status, 0) != pid)
        return 13;
    rblmap_close(&list);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 14;
}
