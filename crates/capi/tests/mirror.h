/* What a mirror does at a swap, with one image of which the serial rises. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char image[1 << 20];
static size_t image_len;

/* Reads the image; 0 if that went well. */
static inline int take_image(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 1;
    image_len = fread(image, 1, sizeof image, file);
    return fclose(file) != 0 || image_len < 32 || image_len == sizeof image;
}

/* Puts the image in place with this serial, then the generation into the status page. */
static inline int swap_image(const char *folder, uint64_t serial)
{
    char from[4096], to[4096];
    snprintf(from, sizeof from, "%s/.new", folder);
    snprintf(to, sizeof to, "%s/ops.example.rbl", folder);
    memcpy(image + 24, &serial, 8);
    FILE *file = fopen(from, "wb");
    if (!file || fwrite(image, 1, image_len, file) != image_len || fclose(file) || rename(from, to))
        return 1;
    snprintf(to, sizeof to, "%s/ops.example.status", folder);
    int page = open(to, O_WRONLY);
    int failed = page < 0 || pwrite(page, &serial, 8, 16) != 8;
    close(page);
    return failed;
}
