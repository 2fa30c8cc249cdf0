/*
 * transcript - a conversation in a file, played against a hermetic world
 *
 * docs/guide/testing.md describes the form. A file is headings, then lines
 * that say, hear, let time pass and expect:
 *
 *     -- relay: strangers are refused          a comment; the first is the title
 *     rules:  examples/minimal                 a directory, or files in order
 *     lua:    acl.rcpt { accept {} }           one more line of a last rule file
 *     zone:   example.org. MX 10 mx.example.org.
 *     clock:  2026-03-04T05:06:07Z             later: "clock: +2h" lets time pass
 *     client: 203.0.113.9                      later: the next session
 *     port:   465                              of ours that the client comes to; 25
 *     tls:    sni=mx.example; verified=yes     what its handshake comes to (world_ops.tls)
 *     helo:   there.example                    says EHLO and takes both answers
 *     peer:   192.0.2.1 rcpt 450 4.2.1 busy    a scripted server (world/peer.h)
 *     peer:   192.0.2.1 tls mx.example         with a certificate (world/peer_tls.h)
 *     C: MAIL FROM:<a@there.example>           said, with CRLF
 *     C*30: NOOP                               said thirty times at once
 *     R: half a line\r\n                       said as it is: \r \n \t \0 \xHH \\, {600*a}
 *     S: 250                                   the next reply begins so (or one of its lines does)
 *     S*30: 250                                so do the next thirty
 *     S&: 250 SIZE                             the same reply holds this line too
 *     S!: 250 STARTTLS                         the same reply does not
 *     closed                                   the server has hung up
 *     hang up                                  the client does
 *     queue: run                               as `perigee queue`: retry, freeze, thaw, remove, bounce N (the
 *                                              N-th message), hold and release DOMAIN
 *     expect: queue 0                          or: frozen N, delivered N, delivered ADDR via T, log TEXT,
 *                                              message TEXT, peer ADDR heard TEXT, peer ADDR connections N;
 *                                              "not" before any of them
 */
#ifndef CLI_TRANSCRIPT_H
#define CLI_TRANSCRIPT_H

#include "policy/world_lua.h"

/* Plays one file and gives its one result. */
void transcript_play(const char *path, const struct spec_sink *sink);

#endif
