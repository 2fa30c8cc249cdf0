/*
 * submit - messages from programs of this machine (SPOOL/submit.sock)
 *
 * Anybody may connect (0666); who it is, the kernel says (SO_PEERCRED). The
 * caller sends one JSON object on a line, then exactly "size" bytes:
 *     {"v":1,"sender":"a@b" or absent,"rcpts":["c@d",...],"from_headers":false,"size":123}
 * ("name", the sender's full name, may be there too)
 * root and the engine's own user may hand over a message that was accepted elsewhere: with the lengths
 *     "envelope":N,"state":N,"header":N,"was":"its id there"
 * the bytes are those three parts and the body (engine.h, struct submission). Everybody
 * gets one line back once the message is on stable storage, or is not:
 *     {"v":1,"status":"stored","id":"..."} | {"v":1,"status":"later" or "refused","text":"..."}
 */
#ifndef ENGINE_SUBMIT_H
#define ENGINE_SUBMIT_H

#include "engine/engine.h"

struct submit;

/* fd listens; owned from here on. */
struct submit *submit_new(struct engine *e, int fd);
/* Callers that wait are told "later". */
void submit_free(struct submit *s);

#endif
