/* A closed loop of Postfix's policy requests over a unix socket or TCP: every connection asks, waits
 * for its answer, and asks again. load SOCKET|PORT CONNECTIONS SECONDS
 * Prints: requests a second, median and 99th percentile in microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, BUCKETS = 1000000 };

static uint32_t buckets[BUCKETS + 1]; /* by microsecond */
static struct { int fd; int64_t asked; size_t got; char tail; } connections[CONNECTIONS];
static uint32_t state = 1;

static int64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int connect_to(const char *where)
{
    int fd, one = 1;
    if (*where == '/') {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", where);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address))
            return -1;
        return fd;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(where))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* The attributes that Postfix 3.7 sends, for a client that is drawn anew each time. */
static void ask(int index)
{
    char text[1024];
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    int length = snprintf(text, sizeof text,
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
        "client_address=198.%u.%u.%u\nclient_name=mail-out.sender.example\nclient_port=48122\n"
        "reverse_client_name=mail-out.sender.example\nserver_address=203.0.113.25\nserver_port=25\n"
        "helo_name=mail-out.sender.example\nsender=someone.with.a.name@sender.example\n"
        "recipient=somebody.else@recipient.example\nrecipient_count=0\nqueue_id=\n"
        "instance=5f2c.65a1b2c3.d4e5f.0\nsize=14223\netrn_domain=\nstress=\nsasl_method=\n"
        "sasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
        "ccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
        "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n",
        state & 63, state >> 8 & 255, state >> 16 & 255);
    connections[index].asked = now();
    if (write(connections[index].fd, text, length) != length) {
        perror("write");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    int count = atoi(argv[2]), poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, events[CONNECTIONS];
    for (int i = 0; i < count && i < CONNECTIONS; i++) {
        connections[i].fd = connect_to(argv[1]);
        if (connections[i].fd < 0) {
            perror(argv[1]);
            return 1;
        }
        event.data.u32 = i;
        epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    int64_t start = now(), end = start + atoi(argv[3]) * 1000000000LL, at = start;
    uint64_t answers = 0;
    for (int i = 0; i < count; i++)
        ask(i);
    while (at < end) {
        int ready = epoll_wait(poll, events, CONNECTIONS, 1000);
        at = now();
        for (int i = 0; i < ready; i++) {
            char text[4096];
            int index = events[i].data.u32;
            ssize_t got = read(connections[index].fd, text, sizeof text);
            if (got <= 0) {
                fprintf(stderr, "closed\n");
                return 1;
            }
            if (text[got - 1] != '\n' || (got > 1 ? text[got - 2] : connections[index].tail) != '\n') {
                connections[index].tail = text[got - 1];
                continue;
            }
            int64_t took = (now() - connections[index].asked) / 1000;
            buckets[took < BUCKETS ? took : BUCKETS]++;
            answers++;
            ask(index);
        }
    }
    uint64_t seen = 0;
    int median = -1, last = -1;
    for (int i = 0; i <= BUCKETS; i++) {
        seen += buckets[i];
        if (median < 0 && seen * 2 >= answers)
            median = i;
        if (last < 0 && seen * 100 >= answers * 99)
            last = i;
    }
    printf("%.0f %d %d %llu\n", answers / ((at - start) / 1e9), median, last, (unsigned long long)answers);
}
