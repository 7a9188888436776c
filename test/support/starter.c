/*
 * Starts programs for the tests, one after another: starter REQUESTS ANSWERS, which are FIFOs. Ends when nobody has REQUESTS
 * open any more. The form of both is described, and spoken, by starter.ts.
 *
 * Tests start programs by the ten thousand. Node would copy its page tables for each, of hundreds of megabytes, and need
 * another program to enter a namespace; this process is small, and lends its memory instead of copying it (vfork).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct request {
	uint32_t timeout_ms, argument_count, variable_count, texts_length, input_length;
};

struct answer {
	int32_t status;
	uint32_t output_length[2];
};

struct bytes {
	char *data;
	size_t length, capacity;
};

struct program {
	const char *namespace, *directory;
	char **arguments, **variables;
};

static void must(int worked, const char *what)
{
	if (worked)
		return;
	perror(what);
	exit(1);
}

/* 0 when the other side has closed before the first byte. */
static int read_all(int fd, void *memory, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = read(fd, (char *)memory + done, length - done);
		if (count == 0 && done == 0)
			return 0;
		must(count > 0, "starter: read");
		done += count;
	}
	return 1;
}

static void write_all(int fd, const void *memory, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = write(fd, (const char *)memory + done, length - done);
		must(count > 0, "starter: write");
		done += count;
	}
}

static void grow(struct bytes *bytes, size_t room)
{
	if (bytes->capacity - bytes->length >= room)
		return;
	bytes->capacity = 2 * bytes->capacity + room;
	bytes->data = realloc(bytes->data, bytes->capacity);
	must(bytes->data != NULL, "starter: memory");
}

/* As a shell and nsenter say that they cannot: 127, and a line on stderr. */
static void become(const struct program *program, const int descriptors[3])
{
	for (int fd = 0; fd < 3; fd++)
		dup2(descriptors[fd], fd);
	signal(SIGPIPE, SIG_DFL);
	const char *what = program->namespace;
	int namespace = *what ? open(what, O_RDONLY | O_CLOEXEC) : -1;
	if (*what && (namespace < 0 || setns(namespace, CLONE_NEWNET)))
		goto failed;
	what = program->directory;
	if (*what && chdir(what))
		goto failed;
	what = program->arguments[0];
	environ = program->variables;
	execvp(what, program->arguments);
failed:
	dprintf(2, "Cannot start \"%s\": %s: %s.\n", program->arguments[0], what, strerror(errno));
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Reads what is there; closes at the end. */
static void collect(struct pollfd *from, struct bytes *into)
{
	grow(into, 65536);
	ssize_t count = read(from->fd, into->data + into->length, into->capacity - into->length);
	if (count > 0) {
		into->length += count;
	} else if (count == 0 || errno != EAGAIN) {
		close(from->fd);
		from->fd = -1;
	}
}

/* Until the program has ended and nobody has its output open any more, or the time is over, which kills it. */
static int attend(pid_t pid, struct pollfd ends[4], const struct bytes *input, struct bytes output[2], uint32_t timeout_ms)
{
	size_t written = 0;
	int64_t deadline = now_ms() + timeout_ms;
	while (ends[1].fd >= 0 || ends[2].fd >= 0 || ends[3].fd >= 0) {
		if (ends[0].fd >= 0 && written == input->length) {
			close(ends[0].fd);
			ends[0].fd = -1;
		}
		int64_t left = deadline - now_ms();
		int ready = left <= 0 ? 0 : poll(ends, 4, left);
		if (ready == 0) {
			kill(pid, SIGKILL);
			break;
		}
		if (ends[0].fd >= 0 && ends[0].revents) {
			ssize_t count = write(ends[0].fd, input->data + written, input->length - written);
			/* Who ends without reading its input is not at fault. */
			written = count > 0 ? written + count : count < 0 && errno == EAGAIN ? written : input->length;
		}
		for (int i = 0; i < 2; i++)
			if (ends[1 + i].fd >= 0 && ends[1 + i].revents)
				collect(&ends[1 + i], &output[i]);
		if (ends[3].fd >= 0 && ends[3].revents) {
			close(ends[3].fd);
			ends[3].fd = -1;
		}
	}
	for (int i = 0; i < 4; i++)
		if (ends[i].fd >= 0)
			close(ends[i].fd);
	int status;
	must(waitpid(pid, &status, 0) == pid, "starter: waitpid");
	return status;
}

static int run(const struct program *program, const struct bytes *input, struct bytes output[2], uint32_t timeout_ms)
{
	int pipes[3][2];
	for (int i = 0; i < 3; i++)
		must(pipe2(pipes[i], O_CLOEXEC) == 0, "starter: pipe");
	const int theirs[3] = {pipes[0][0], pipes[1][1], pipes[2][1]};
	const int ours[3] = {pipes[0][1], pipes[1][0], pipes[2][0]};
	char **own = environ;
	pid_t pid = vfork();
	if (pid == 0)
		become(program, theirs);
	environ = own;
	must(pid > 0, "starter: vfork");
	struct pollfd ends[4] = {{ours[0], POLLOUT, 0}, {ours[1], POLLIN, 0}, {ours[2], POLLIN, 0}};
	for (int i = 0; i < 3; i++) {
		close(theirs[i]);
		fcntl(ours[i], F_SETFL, O_NONBLOCK);
	}
	ends[3] = (struct pollfd){syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
	must(ends[3].fd >= 0, "starter: pidfd_open");
	return attend(pid, ends, input, output, timeout_ms);
}

/* Takes the next text, which ends with NUL. */
static char *next(char **texts)
{
	char *text = *texts;
	*texts += strlen(text) + 1;
	return text;
}

static char **next_list(char **texts, uint32_t count)
{
	char **list = calloc(count + 1, sizeof *list);
	must(list != NULL, "starter: memory");
	for (uint32_t i = 0; i < count; i++)
		list[i] = next(texts);
	return list;
}

int main(int argc, char **argv)
{
	must(argc == 3, "starter: REQUESTS ANSWERS");
	int requests = open(argv[1], O_RDONLY | O_CLOEXEC), answers = open(argv[2], O_WRONLY | O_CLOEXEC);
	must(requests >= 0 && answers >= 0, "starter: open");
	/* What it was itself started with is nobody else's. */
	syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
	/* Of programs that do not read their input. */
	signal(SIGPIPE, SIG_IGN);
	struct request request;
	struct bytes texts = {0}, input = {0}, output[2] = {{0}};
	while (read_all(requests, &request, sizeof request)) {
		texts.length = input.length = output[0].length = output[1].length = 0;
		grow(&texts, request.texts_length);
		read_all(requests, texts.data, request.texts_length);
		grow(&input, request.input_length);
		read_all(requests, input.data, input.length = request.input_length);

		char *text = texts.data;
		struct program program;
		program.namespace = next(&text);
		program.directory = next(&text);
		program.arguments = next_list(&text, request.argument_count);
		program.variables = next_list(&text, request.variable_count);
		struct answer answer;
		answer.status = run(&program, &input, output, request.timeout_ms);
		free(program.arguments);
		free(program.variables);
		answer.output_length[0] = output[0].length;
		answer.output_length[1] = output[1].length;
		write_all(answers, &answer, sizeof answer);
		write_all(answers, output[0].data, output[0].length);
		write_all(answers, output[1].data, output[1].length);
	}
	return 0;
}
