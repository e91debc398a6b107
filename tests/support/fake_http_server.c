/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REQUEST_MAX       (1024 * 1024)
#define ENDLESS_BYTES_MAX (64 * 1024 * 1024)

struct fake_server {
	const struct fake_reply *replies;
	size_t reply_count;
	int listen_fd;
	int stop_fd; /* eventfd: readable once the server is to end */
	unsigned int port;
	pthread_t thread;
	bool running;
	size_t connections;
	size_t request_count;
	struct {
		char *data;
		size_t size;
	} requests[FAKE_REQUESTS_MAX];
};

/* False when the server is to end. */
static bool wait_readable(const struct fake_server *server, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = server->stop_fd, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0)
		;
	return !fds[1].revents;
}

/* Bytes of the whole request once its head has come, else SIZE_MAX. */
static size_t request_size(const char *data)
{
	const char *end = strstr(data, "\r\n\r\n");
	const char *length = strcasestr(data, "\r\nContent-Length:");

	if (!end)
		return SIZE_MAX;
	return (size_t)(end + 4 - data) +
	       (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void read_request(struct fake_server *server, int fd)
{
	char *data = calloc(1, REQUEST_MAX + 1);
	size_t size = 0;

	while (size < REQUEST_MAX && size < request_size(data)) {
		ssize_t got;

		if (!wait_readable(server, fd))
			break;
		got = recv(fd, data + size, REQUEST_MAX - size, 0);
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	if (server->request_count == FAKE_REQUESTS_MAX) {
		free(data);
		return;
	}
	server->requests[server->request_count].data = data;
	server->requests[server->request_count++].size = size;
}

static void wait_for_close(const struct fake_server *server, int fd)
{
	char byte;

	while (wait_readable(server, fd) && recv(fd, &byte, 1, 0) > 0)
		;
}

static void answer(const struct fake_server *server, int fd, const struct fake_reply *reply)
{
	size_t size = reply->text ? strlen(reply->text) : 0;
	size_t more = reply->endlessly ? strlen(reply->endlessly) : 0;

	if (reply->silent) {
		wait_for_close(server, fd);
		return;
	}
	if (size && send(fd, reply->text, size, MSG_NOSIGNAL) < 0)
		return;
	for (size_t sent = 0; more && sent < ENDLESS_BYTES_MAX; sent += more)
		if (send(fd, reply->endlessly, more, MSG_NOSIGNAL) < 0)
			return;
}

static void serve(struct fake_server *server, int fd)
{
	size_t number = server->connections++;
	const struct fake_reply *reply;

	if (number >= server->reply_count)
		number = server->reply_count - 1;
	reply = &server->replies[number];
	if (reply->slam_shut) {
		const struct linger reset = { .l_onoff = 1 };

		/* Earlier, and the client might not even see itself connected. */
		wait_readable(server, fd);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		return;
	}
	read_request(server, fd);
	answer(server, fd, reply);
}

static void *run(void *user)
{
	struct fake_server *server = user;

	while (wait_readable(server, server->listen_fd)) {
		int fd = accept(server->listen_fd, NULL, NULL);

		if (fd < 0)
			continue;
		serve(server, fd);
		close(fd);
	}
	return NULL;
}

struct fake_server *fake_server_start(const struct fake_reply *replies, size_t count)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	struct fake_server *server = calloc(1, sizeof(*server));

	assert_non_null(server);
	server->replies = replies;
	server->reply_count = count;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(server->listen_fd >= 0 && server->stop_fd >= 0);
	assert_int_equal(bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listen_fd, 8), 0);
	assert_int_equal(getsockname(server->listen_fd, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
	server->running = true;
	return server;
}

unsigned int fake_server_port(const struct fake_server *server)
{
	return server->port;
}

void fake_server_stop(struct fake_server *server)
{
	const uint64_t one = 1;

	if (!server->running)
		return;
	assert_int_equal(write(server->stop_fd, &one, sizeof(one)), sizeof(one));
	pthread_join(server->thread, NULL);
	server->running = false;
}

size_t fake_server_requests(const struct fake_server *server)
{
	return server->request_count;
}

const char *fake_server_request(const struct fake_server *server, size_t index, size_t *ret_size)
{
	if (index >= server->request_count)
		return NULL;
	if (ret_size)
		*ret_size = server->requests[index].size;
	return server->requests[index].data;
}

void fake_server_free(struct fake_server *server)
{
	if (!server)
		return;
	fake_server_stop(server);
	close(server->listen_fd);
	close(server->stop_fd);
	for (size_t i = 0; i < server->request_count; i++)
		free(server->requests[i].data);
	free(server);
}
