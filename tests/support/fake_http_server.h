/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on a free loopback port that says what a test tells it to, sane or not: one scripted
 * reply for each connection, the last one for all that follow. It keeps what it was sent.
 */
#ifndef PARKMETER_TESTS_FAKE_HTTP_SERVER_H
#define PARKMETER_TESTS_FAKE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#define FAKE_REQUESTS_MAX 16

/* What one connection gets after its request was read; each ends with the server's closing it. */
struct fake_reply {
	const char *text;
	const char *endlessly; /* said behind `text`, again and again until the client goes */
	bool silent;           /* says nothing, and waits for the client to go */
	bool slam_shut;        /* resets the connection once a request comes */
};

struct fake_server;

/* `replies` are borrowed until fake_server_free(). Fails the running test when there is no port. */
struct fake_server *fake_server_start(const struct fake_reply *replies, size_t count);
unsigned int fake_server_port(const struct fake_server *server);

/* Ends the server's thread; afterwards the requests can be looked at. */
void fake_server_stop(struct fake_server *server);
size_t fake_server_requests(const struct fake_server *server);
/* Head and body of a request; NULL when there was none of that number. *ret_size may be NULL. */
const char *fake_server_request(const struct fake_server *server, size_t index, size_t *ret_size);
void fake_server_free(struct fake_server *server); /* stops it, too; takes NULL */

#endif
