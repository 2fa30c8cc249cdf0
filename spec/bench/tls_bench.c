/*
 * tls_bench - what handshakes cost a server, and what the least is that they can cost
 *
 *     tls_bench client PORT COUNT THREADS starttls|smtps full|resumed 1.2|1.3
 *     tls_bench serve PORT CERTIFICATE KEY
 *
 * A client connects, shakes hands, says EHLO and QUIT, COUNT times in all, with Nagle's algorithm on as clients of mail
 * have it; it prints how many went well, how many of them resumed, and the seconds. `serve` is the bare accept loop to compare with: one thread, OpenSSL on blocking
 * sockets, and an answer to every line.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *ctx;
static struct sockaddr_in to;
static atomic_long left, good, resumed_n;
static bool starttls, resume;

static _Noreturn void stop(const char *what)
{
    perror(what);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One whole reply. */
static bool hear(int fd, SSL *ssl)
{
    char b[4096];
    size_t n = 0;

    for (;;) {
        ssize_t got = ssl ? SSL_read(ssl, b + n, (int)(sizeof b - 1 - n)) : read(fd, b + n, sizeof b - 1 - n);
        char *last;

        if (got <= 0)
            return false;
        n += (size_t)got;
        b[n] = '\0';
        if (n < 2 || b[n - 1] != '\n')
            continue;
        b[n - 1] = '\0';
        last = strrchr(b, '\n');
        last = last ? last + 1 : b;
        b[n - 1] = '\n';
        if (strlen(last) > 4 && last[3] == ' ')
            return b[0] == '2';
    }
}

static bool say(int fd, SSL *ssl, const char *line)
{
    int n = (int)strlen(line);

    return (ssl ? SSL_write(ssl, line, n) : (int)write(fd, line, (size_t)n)) == n && hear(fd, ssl);
}

/* The session for the next time. TLS 1.3 brings it with the first reply. */
static bool once(SSL_SESSION **session)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = SSL_new(ctx);
    bool well;

    if (fd < 0 || !ssl)
        stop("a connection");
    SSL_set_fd(ssl, fd);
    if (resume && *session)
        SSL_set_session(ssl, *session);
    well = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (well && starttls)
        well = hear(fd, NULL) && say(fd, NULL, "EHLO bench.test\r\n") && say(fd, NULL, "STARTTLS\r\n");
    well = well && SSL_connect(ssl) == 1 && (starttls || hear(fd, ssl)) && say(fd, ssl, "EHLO bench.test\r\n");
    if (well && SSL_session_reused(ssl))
        atomic_fetch_add(&resumed_n, 1);
    if (well && resume) {
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(ssl);
    }
    well = well && say(fd, ssl, "QUIT\r\n");
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);       /* else its session counts as broken */
    SSL_free(ssl);
    close(fd);
    return well;
}

static void *client(void *unused)
{
    SSL_SESSION *session = NULL;

    while (atomic_fetch_sub(&left, 1) > 0)
        if (once(&session))
            atomic_fetch_add(&good, 1);
    SSL_SESSION_free(session);
    return unused;
}

static int clients(char **v)
{
    int threads = atoi(v[4]), version = strcmp(v[7], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    pthread_t t[256];
    double began;

    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(v[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    left = atol(v[3]);
    starttls = strcmp(v[5], "starttls") == 0;
    resume = strcmp(v[6], "resumed") == 0;
    began = seconds();
    for (int i = 0; i < threads && i < 256; i++)
        if (pthread_create(&t[i], NULL, client, NULL) != 0)
            stop("a thread");
    for (int i = 0; i < threads && i < 256; i++)
        pthread_join(t[i], NULL);
    printf("%ld %ld %.3f\n", (long)good, (long)resumed_n, seconds() - began);
    return 0;
}

static void serve_one(int fd)
{
    static const char banner[] = "220 bare\r\n", yes[] = "250 yes\r\n", bye[] = "221 bye\r\n";
    SSL *ssl = SSL_new(ctx);
    char b[4096];
    int n, on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_write(ssl, banner, sizeof banner - 1) > 0) {
        while ((n = SSL_read(ssl, b, sizeof b)) > 0 && b[0] != 'Q')
            SSL_write(ssl, yes, sizeof yes - 1);
        if (n > 0)
            SSL_write(ssl, bye, sizeof bye - 1);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
    ERR_clear_error();
}

static int serve(char **v)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(v[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(ctx, v[3]) != 1 || SSL_CTX_use_PrivateKey_file(ctx, v[4], SSL_FILETYPE_PEM) != 1)
        stop("certificate and key");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);     /* tickets */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 512) < 0)
        stop("listen");
    for (;;) {
        int c = accept(fd, NULL, NULL);

        if (c >= 0)
            serve_one(c);
    }
}

int main(int n, char **v)
{
    signal(SIGPIPE, SIG_IGN);
    if (n == 8 && strcmp(v[1], "client") == 0)
        return clients(v);
    if (n == 5 && strcmp(v[1], "serve") == 0)
        return serve(v);
    fprintf(stderr, "tls_bench client PORT COUNT THREADS starttls|smtps full|resumed 1.2|1.3\ntls_bench serve PORT CERTIFICATE KEY\n");
    return 64;
}
