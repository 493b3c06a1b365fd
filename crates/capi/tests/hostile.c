/* Opens damaged images as copies of exact length and asks them everything, for valgrind to watch.
 *
 *   hostile COUNT SEED SCRATCH IMAGE...      damages each image in turn, COUNT times in all */
#include <rblmap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* A few bytes, a row of one byte, or 4 bytes with a number that is large or nearly 0. */
static void damage(unsigned char *bytes, size_t len)
{
    /* Half of the time where the tables are. */
    size_t at = draw(2) ? draw(len) : draw(len < 4096 ? len : 4096), count = 1 + draw(8);
    switch (draw(4)) {
    case 0:
        memset(bytes + at, draw(2) ? 0 : 255, count < len - at ? count : len - at);
        break;
    case 1: {
        uint32_t number = draw(2) ? UINT32_MAX - (uint32_t)draw(64) : (uint32_t)draw(64);
        if (len - at >= 4)
            memcpy(bytes + at, &number, 4);
        break;
    }
    default:
        while (count--)
            bytes[draw(len)] = (unsigned char)draw(256);
    }
}

static int fault(int status)
{
    if (status == RBLMAP_PANIC || status == RBLMAP_HANDLE)
        exit(3);
    return status;
}

static void answers(rblmap_reader *reader)
{
    char line[511], *exact;
    rblmap_record record;
    size_t need;
    for (size_t zone = 0; zone < 2; zone++)
        for (size_t i = 0; i < 20; i++) {
            record.size = sizeof record;
            if (fault(rblmap_answer(reader, zone, i, &record)) != RBLMAP_OK)
                break;
        }
    if (fault(rblmap_render(reader, "554 ", line, sizeof line, &need)) == RBLMAP_OK) {
        exact = (char *)malloc(need);
        if (!exact || rblmap_render(reader, "554 ", exact, need, NULL) || exact[need - 1])
            exit(4);
        free(exact);
    }
}

static void ask(rblmap_list *list)
{
    static const char *const names[] = {"mx.mail.example", "a.b.c.example", "example", "x",
                                        "1.2.0.192", "*.example", "\\000\\255"};
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "::",
                                        "2002:c000:201::", "ffff::", "10.0.0.1"};
    rblmap_reader *reader = NULL;
    uint64_t listed;
    uint32_t addresses[64];
    uint8_t bits[64], v6[16];
    static const uint8_t head[5] = {0x20, 0x01, 0x0d, 0xb8, 0};
    if (fault(rblmap_reader_new(list, NULL, &reader)) != RBLMAP_OK)
        return;
    fault(rblmap_reader_add(reader, list, draw(2) ? "sub" : NULL));
    for (size_t i = 0; i < 64; i++)
        addresses[i] = (uint32_t)(i < 8    ? 0xc0000200u + i
                                  : i < 48 ? 0x0a000000u + draw(1 << 20)
                                           : draw(UINT32_MAX));
    fault(rblmap_lookup_v4_batch(reader, addresses, 64, bits));
    for (size_t i = 0; i < 24; i++) {
        if (fault(rblmap_lookup_v4(reader, addresses[i], &listed)) == RBLMAP_OK)
            answers(reader);
        for (size_t k = 0; k < 16; k++)
            v6[k] = k < 5 && draw(16) ? head[k] : (uint8_t)draw(256);
        if (fault(rblmap_lookup_v6(reader, v6, &listed)) == RBLMAP_OK && listed)
            answers(reader);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (fault(rblmap_lookup_text(reader, texts[i], &listed)) == RBLMAP_OK)
            answers(reader);
    for (size_t i = 0; i < 16; i++) {
        char name[40];
        snprintf(name, sizeof name, "%sn%u.example", draw(2) ? "a." : "", (unsigned)draw(6000));
        if (fault(rblmap_lookup_name(reader, name, &listed)) == RBLMAP_OK)
            answers(reader);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fault(rblmap_lookup_name(reader, names[i], &listed)) == RBLMAP_OK)
            answers(reader);
    rblmap_reader_free(&reader);
}

int main(int argc, char **argv)
{
    static unsigned char good[1 << 21], bytes[1 << 21];
    long count = argc > 4 ? atol(argv[1]) : 0, opened = 0;
    if (count <= 0)
        return 2;
    state = strtoull(argv[2], NULL, 10) * 2 + 1;
    for (long i = 0; i < count; i++) {
        rblmap_list *list = NULL;
        FILE *file = fopen(argv[4 + i % (argc - 4)], "rb");
        size_t len = file ? fread(good, 1, sizeof good, file) : 0;
        if (!len || len == sizeof good || fclose(file))
            return 5;
        memcpy(bytes, good, len);
        damage(bytes, len);
        file = fopen(argv[3], "wb");
        if (!file || fwrite(bytes, 1, len, file) != len || fclose(file))
            return 6;
        if (fault(rblmap_open(argv[3], NULL, RBLMAP_COPY, &list)) == RBLMAP_OK) {
            opened++;
            ask(list);
            rblmap_close(&list);
        }
    }
    printf("%ld of %ld opened\n", opened, count);
    return opened == 0;
}
