/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * autobind-discover - one SendTargets discovery through one device, without privilege.
 *
 * Opens and binds its socket, gives up all that it was started with, and only then
 * talks to the target: the reader of what a target sends (core/proto) has no file, no
 * privilege and a dozen system calls. Run by the spawner, by the command line and by
 * the initramfs; works for any user, then without the change of user.
 *
 * Standard output, all or nothing, at most 4 MiB:
 *	P<TAB>name<TAB>addr:port,tpgt	a target at a portal; no ",tpgt": tag not told
 *	E<TAB>code<TAB>count		last line: enum ab_discovery_code, number of Ps
 * Lines P only come with code 0, which is the exit status, too. Standard error has one
 * sentence when something failed or was left out.
 *
 * With --chap the secret file (core/chap) is descriptor 3, read as root before anything
 * is sent; libcrypto computes the hashes, and has allocated all it needs by then.
 *
 * A build with address or thread sanitizer goes without RLIMIT_AS and without the
 * system call filter: their shadow memory and their reports need both.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/chap.h"
#include "core/name.h"
#include "core/proto.h"
#include "io/chap.h"
#include "io/clock.h"
#include "io/file.h"
#include "util/num.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||             \
	__has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62 /* Linux 5.1 */
#endif

#define OUTPUT_MAX (4u * 1024 * 1024)
#define TRAILER_MAX 32u
#define ITEMS_DEFAULT 10000u
#define ITEMS_MAX 100000u
#define DEADLINE_DEFAULT_MS 10000u
#define DEADLINE_MAX_MS 600000u
#define LOGOUT_GRACE_MS 500 /* the answer is complete; politeness may not cost more */
#define SECRET_FILENO 3
#define UID_NOBODY 65534u /* the kernel's overflow id: owns nothing */

/* What the command line says. */
struct request {
	uint32_t ifindex; /* 0: not by index */
	const char *dev;  /* NULL: not by name */
	struct ab_portal portal;
	const char *initiator;
	uint32_t deadline_ms;
	uint32_t max;
	const char *chap; /* what messages call the secret file; NULL: no CHAP */
};

/* The lines P, kept until the answer is known to be whole. */
struct output {
	struct ab_text text;
	struct ab_portal asked;
	char buf[OUTPUT_MAX - TRAILER_MAX];
};

static struct output output;

/* "10.0.0.1:3260 through eth0: ", as soon as it is known. */
static char where[AB_PORTAL_TEXT + IF_NAMESIZE + 32];

/* One line to standard error; no foreign bytes but escaped ones. */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[1024];
	size_t n;
	va_list ap;

	(void)snprintf(line, sizeof(line), "autobind-discover: %s", where);
	n = strlen(line);
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	n += strlen(line + n);
	line[n++] = '\n';		      /* in place of the terminator */
	(void)!write(STDERR_FILENO, line, n); /* nowhere else to say it */
}

/* --- command line ----------------------------------------------------------------- */

static void usage(int fd)
{
	dprintf(fd,
		"Usage: autobind-discover --portal ADDR[:PORT] --initiator NAME "
		"[OPTION]...\n"
		"Asks an iSCSI target for its names and portals (SendTargets).\n"
		"\n"
		"  --ifindex N       go out of the device with this index only\n"
		"  --dev NAME        go out of this device only; with --ifindex the "
		"name\n"
		"                    that the device must still have\n"
		"  --deadline-ms N   time for everything, 1 to %u (default %u)\n"
		"  --max N           most portals that are accepted, 1 to %u (default "
		"%u)\n"
		"  --chap NAME       log in by CHAP; the secret file is descriptor 3, "
		"as in\n"
		"                    --chap san1 3</etc/autobind/chap/san1\n"
		"  --help\n",
		DEADLINE_MAX_MS, DEADLINE_DEFAULT_MS, ITEMS_MAX, ITEMS_DEFAULT);
}

static bool take_number(const char *s, uint64_t min, uint64_t max, uint32_t *ret)
{
	uint64_t v;

	if (ab_num_u64(s, min, max, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool take_option(struct request *req, int option, const char *value)
{
	switch (option) {
	case 'i':
		return take_number(value, 0, INT32_MAX, &req->ifindex);
	case 'd':
		req->dev = value;
		return strlen(value) > 0 && strlen(value) < IF_NAMESIZE;
	case 'p':
		return ab_name_parse_portal(value, &req->portal) == 0;
	case 'n':
		req->initiator = value;
		return ab_name_check_target(value) == 0;
	case 'c':
		req->chap = value;
		return ab_chap_is_name(value);
	case 't':
		return take_number(value, 1, DEADLINE_MAX_MS, &req->deadline_ms);
	default:
		return take_number(value, 1, ITEMS_MAX, &req->max);
	}
}

static enum ab_discovery_code parse_arguments(int argc, char **argv,
					      struct request *req)
{
	static const struct option options[] = {
		{ "ifindex", required_argument, NULL, 'i' },
		{ "dev", required_argument, NULL, 'd' },
		{ "portal", required_argument, NULL, 'p' },
		{ "initiator", required_argument, NULL, 'n' },
		{ "deadline-ms", required_argument, NULL, 't' },
		{ "max", required_argument, NULL, 'm' },
		{ "chap", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, which;

	*req = (struct request){ .deadline_ms = DEADLINE_DEFAULT_MS,
				 .max = ITEMS_DEFAULT };
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, &which)) != -1) {
		if (option == 'h') {
			usage(STDOUT_FILENO);
			exit(EXIT_SUCCESS);
		}
		if (option == '?') {
			say("unknown or incomplete option (see --help)");
			return AB_DISCOVERY_USAGE;
		}
		if (!take_option(req, option, optarg)) {
			say("bad value of --%s (see --help)", options[which].name);
			return AB_DISCOVERY_USAGE;
		}
	}
	if (optind != argc || !req->portal.addr.family || !req->initiator) {
		say("--portal and --initiator are needed, and nothing else (see "
		    "--help)");
		return AB_DISCOVERY_USAGE;
	}
	if (ab_addr_is_linklocal6(&req->portal.addr) && !req->ifindex && !req->dev) {
		say("a link-local portal needs a device");
		return AB_DISCOVERY_USAGE;
	}
	return AB_DISCOVERY_OK;
}

/* --- socket ----------------------------------------------------------------------- */

/*
 * Binds, then reads back: a socket that only seems bound would find portals through
 * another device. The index is what counts; a name says which device was meant.
 */
static int bind_to_device(int fd, struct request *req)
{
	char name[IF_NAMESIZE] = "";
	socklen_t size = sizeof(name);
	int index = (int)req->ifindex;

	if (!index)
		index = (int)if_nametoindex(req->dev);
	if (!index)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index))) {
		if (errno != ENOPROTOOPT)
			return -errno;
		/* Before Linux 5.1 there is only the name. */
		if (!if_indextoname((unsigned int)index, name))
			return -errno;
		if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
			       (socklen_t)strlen(name) + 1))
			return -errno;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size))
		return -errno;
	if (size == 0 || name[0] == '\0' || if_nametoindex(name) != (unsigned int)index)
		return -ENODEV;
	if (req->dev && strcmp(req->dev, name) != 0)
		return -ENXIO;
	req->ifindex = (uint32_t)index;
	return 0;
}

static void set_where(const struct request *req)
{
	struct ab_text t;

	ab_text_init(&t, where, sizeof(where));
	ab_name_add_portal(&t, &req->portal);
	if (req->dev) {
		ab_text_add(&t, " through ");
		ab_text_add_escaped(&t, req->dev, strlen(req->dev));
	} else if (req->ifindex) {
		ab_text_add(&t, " through the device with index ");
		ab_text_addu(&t, req->ifindex);
	}
	ab_text_add(&t, ": ");
}

static enum ab_discovery_code open_socket(struct request *req, int *ret_fd)
{
	int fd = socket(req->portal.addr.family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int r = 0;

	if (fd < 0) {
		say("cannot make a socket: %s", strerror(errno));
		return AB_DISCOVERY_SYSTEM;
	}
	if (req->ifindex || req->dev)
		r = bind_to_device(fd, req);
	if (r < 0) {
		say("cannot bind to the device: %s", strerror(-r));
		close(fd);
		return AB_DISCOVERY_BIND;
	}
	*ret_fd = fd;
	return AB_DISCOVERY_OK;
}

/* --- CHAP ------------------------------------------------------------------------- */

/* Everything of it, so that it can be wiped. */
static struct ab_proto_chap chap;

/* One context for each algorithm, used once before the sandbox: from then on it asks
 * nothing of the system. */
static EVP_MD_CTX *contexts[AB_CHAP_SHA3_256 + 1];

/* ab_proto_hash_fn. */
static size_t hash(void *arg, enum ab_chap_algorithm algorithm, const void *data,
		   size_t n, uint8_t *digest)
{
	EVP_MD_CTX *ctx = contexts[algorithm];
	unsigned int size;

	(void)arg;
	if (!EVP_DigestInit_ex2(ctx, NULL, NULL) || !EVP_DigestUpdate(ctx, data, n) ||
	    !EVP_DigestFinal_ex(ctx, digest, &size))
		return 0;
	return size;
}

/* Return: false when this host does not have it, as a policy may have decided. */
static bool prepare_hash(enum ab_chap_algorithm algorithm)
{
	static const char *const names[AB_CHAP_SHA3_256 + 1] = {
		[AB_CHAP_MD5] = "MD5",
		[AB_CHAP_SHA1] = "SHA1",
		[AB_CHAP_SHA256] = "SHA256",
		[AB_CHAP_SHA3_256] = "SHA3-256",
	};
	uint8_t data[AB_PROTO_HASHED_MAX] = { 0 }, digest[AB_PROTO_DIGEST_MAX];
	EVP_MD *md = EVP_MD_fetch(NULL, names[algorithm], NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (md && ctx && EVP_MD_get_size(md) <= (int)sizeof(digest) &&
	    EVP_DigestInit_ex2(ctx, md, NULL)) {
		contexts[algorithm] = ctx;
		if (hash(NULL, algorithm, data, sizeof(data), digest))
			return true;
		contexts[algorithm] = NULL;
	}
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	return false;
}

static enum ab_discovery_code prepare_chap(void)
{
	uint8_t wanted[AB_CHAP_ALGORITHMS_MAX], random[1 + sizeof(chap.challenge)];
	unsigned int n = ab_chap_algorithms(&chap.who, wanted), i;

	/* No file of its own: what it would load is for servers of TLS. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT,
				  NULL);
	for (i = 0; i < n; i++)
		if (prepare_hash((enum ab_chap_algorithm)wanted[i]))
			chap.algorithms[chap.n_algorithms++] = wanted[i];
	if (!chap.n_algorithms) {
		say("libcrypto has none of the hash algorithms for CHAP");
		return AB_DISCOVERY_SYSTEM;
	}
	chap.hash = hash;
	/* Early in a boot this waits for the kernel's first entropy. */
	if (ab_chap_is_mutual(&chap.who) &&
	    getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		say("no random challenge for CHAP: %s", strerror(errno));
		return AB_DISCOVERY_SYSTEM;
	}
	if (ab_chap_is_mutual(&chap.who)) {
		chap.id = random[0];
		memcpy(chap.challenge, random + 1, sizeof(chap.challenge));
	}
	return AB_DISCOVERY_OK;
}

/* Who may have the file is asked here, where it is open: it cannot be another one. */
static enum ab_discovery_code read_secret(const struct request *req)
{
	char buf[AB_CHAP_WHY];
	struct ab_text why;
	struct stat st;
	int r = -EPERM;

	ab_text_init(&why, buf, sizeof(buf));
	if (fstat(SECRET_FILENO, &st) < 0 || !ab_chap_is_exposed(&st, &why))
		r = ab_chap_read(SECRET_FILENO, &chap.who, &why);
	if (r == 0)
		return AB_DISCOVERY_OK;
	say("the secret file chap/%s %s", req->chap, buf);
	return AB_DISCOVERY_SECRET;
}

/* --- sandbox ---------------------------------------------------------------------- */

/* The number in the next field of a line of passwd(5); never root's. */
static bool take_id(const char **at, uint32_t *ret_id)
{
	size_t n = strcspn(*at, ":\n");
	char field[12];
	uint64_t id;

	if ((*at)[n] != ':' || !ab_copyn(field, sizeof(field), *at, n) ||
	    ab_num_u64(field, 1, UINT32_MAX - 1, &id))
		return false;
	*ret_id = (uint32_t)id;
	*at += n + 1;
	return true;
}

/* "autobind:x:UID:GID:" without NSS, which may ask the network. */
static void find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	static const char key[] = "\nautobind:";
	const char *line;
	uint32_t uid, gid;
	char *data;
	size_t n;

	*ret_uid = UID_NOBODY;
	*ret_gid = UID_NOBODY;
	if (ab_file_read(AT_FDCWD, "/etc/passwd", 1024 * 1024, &data, &n, NULL))
		return;
	line = ab_starts_with(data, key + 1) ? data : strstr(data, key);
	if (line) {
		line += strcspn(line, ":") + 1;
		line += strcspn(line, ":\n"); /* the password's field */
		line += *line == ':';
		if (take_id(&line, &uid) && take_id(&line, &gid)) {
			*ret_uid = uid;
			*ret_gid = gid;
		}
	}
	free(data);
}

/* For good: real, effective and saved. Who is not root has nothing to give. */
static int drop_user(void)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		return 0;
	find_user(&uid, &gid);
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return setresuid(0, 0, 0) == 0 ? -EPERM : 0;
}

/* The bounding set needs CAP_SETPCAP; without it there is none to bound. */
static void drop_bounding_set(void)
{
	unsigned long cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version =
							 _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, data))
		return -errno;
	if (syscall(SYS_capget, &head, data))
		return -errno;
	return data[0].permitted | data[1].permitted ? -EPERM : 0;
}

/* By hand the answer may go to a file; no other can be opened any more. */
static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int set_limits(void)
{
	static const struct {
		int resource;
		rlim_t max;
	} limits[] = {
#if !HAS_SANITIZER
		{ RLIMIT_AS, 64u * 1024 * 1024 },
#endif
		{ RLIMIT_NOFILE, 8 },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_CORE, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = { limits[i].max, limits[i].max };

		if (limits[i].resource == RLIMIT_FSIZE &&
		    (is_file(STDOUT_FILENO) || is_file(STDERR_FILENO)))
			continue;
		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit))
			return -errno;
	}
	return 0;
}

#if HAS_SANITIZER
static int set_filter(void)
{
	return 0;
}
#else

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define FILTER_ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define FILTER_ARCH AUDIT_ARCH_ARM
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FILTER_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define FILTER_ARCH AUDIT_ARCH_S390X
#elif defined(__riscv) && __riscv_xlen == 64
#define FILTER_ARCH AUDIT_ARCH_RISCV64
#endif /* on any other: add its AUDIT_ARCH_* (linux/audit.h) */

#define ALLOW(nr)                                                                      \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),                               \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* seccomp(2): what one TCP conversation and two pipes need; anything else is fatal. */
static int set_filter(void)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __NR_poll
		ALLOW(__NR_poll),
#endif
#ifdef __NR_ppoll
		ALLOW(__NR_ppoll),
#endif
#ifdef __NR_ppoll_time64
		ALLOW(__NR_ppoll_time64),
#endif
#ifdef __NR_clock_gettime
		ALLOW(__NR_clock_gettime),
#endif
#ifdef __NR_clock_gettime64
		ALLOW(__NR_clock_gettime64),
#endif
		ALLOW(__NR_connect),
		ALLOW(__NR_getsockopt),
		ALLOW(__NR_recvfrom),
		ALLOW(__NR_sendto),
		ALLOW(__NR_write),
		ALLOW(__NR_restart_syscall), /* poll after SIGCONT */
		ALLOW(__NR_exit_group),
		/* x32 calls carry bit 30 and match none of the above. */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		return -errno;
	return 0;
}
#endif

static enum ab_discovery_code enter_sandbox(void)
{
	const char *what;
	int r;

	drop_bounding_set();
	what = "give up the user";
	r = drop_user();
	if (r == 0) {
		what = "give up capabilities";
		r = drop_capabilities();
	}
	if (r == 0) {
		what = "set limits";
		r = set_limits();
	}
	if (r == 0) {
		what = "forbid new privileges";
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
			r = -errno;
	}
	if (r == 0) {
		what = "install the system call filter";
		r = set_filter();
	}
	if (r < 0) {
		say("cannot %s: %s", what, strerror(-r));
		return AB_DISCOVERY_SYSTEM;
	}
	return AB_DISCOVERY_OK;
}

/* --- conversation ----------------------------------------------------------------- */

/* Return: 1 ready, 0 the deadline passed, -errno. */
static int wait_for(int fd, short events, ab_mono deadline)
{
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = events };
		ab_mono now = ab_clock_now();
		int r;

		if (ab_mono_reached(deadline, now))
			return 0;
		r = poll(&pfd, 1, (int)ab_mono_ms_between(now, deadline) + 1);
		if (r > 0)
			return 1;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static enum ab_discovery_code code_of_errno(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return AB_DISCOVERY_REFUSED;
	case ETIMEDOUT:
		return AB_DISCOVERY_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
		return AB_DISCOVERY_CLOSED;
	case ENOMEM:
	case ENOBUFS:
		return AB_DISCOVERY_SYSTEM;
	default: /* no route, no neighbour, no source address, a firewall of ours */
		return AB_DISCOVERY_UNREACHABLE;
	}
}

static int start_connect(int fd, const struct request *req)
{
	const struct ab_addr *addr = &req->portal.addr;
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(req->portal.port) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
				     .sin6_port = htons(req->portal.port) };

	if (addr->family == AF_INET) {
		memcpy(&sin.sin_addr, addr->bytes, sizeof(sin.sin_addr));
		return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	}
	memcpy(&sin6.sin6_addr, addr->bytes, sizeof(sin6.sin6_addr));
	if (ab_addr_is_linklocal6(addr))
		sin6.sin6_scope_id = req->ifindex;
	return connect(fd, (struct sockaddr *)&sin6, sizeof(sin6));
}

static enum ab_discovery_code connect_portal(int fd, const struct request *req,
					     ab_mono deadline)
{
	socklen_t size = sizeof(int);
	int error = 0, r;

	if (start_connect(fd, req) && errno != EINPROGRESS) {
		error = errno;
	} else {
		r = wait_for(fd, POLLOUT, deadline);
		if (r == 0)
			error = ETIMEDOUT;
		else if (r < 0)
			error = -r;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
			error = errno;
	}
	if (!error)
		return AB_DISCOVERY_OK;
	say("cannot connect: %s", strerror(error));
	return code_of_errno(error);
}

/* Sends what is pending; -EAGAIN is no error. */
static int send_pending(int fd, struct ab_proto *proto)
{
	const void *data;
	size_t n = ab_proto_pending(proto, &data);
	ssize_t sent;

	if (n == 0)
		return 0;
	sent = send(fd, data, n, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	ab_proto_sent(proto, (size_t)sent);
	return 0;
}

static int receive(int fd, struct ab_proto *proto)
{
	static uint8_t buf[64 * 1024];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		ab_proto_closed(proto);
	else
		ab_proto_feed(proto, buf, (size_t)n);
	return 0;
}

/* Return: 0 when the session ended or the deadline passed, or -errno of the socket. */
static int converse(int fd, struct ab_proto *proto, ab_mono deadline)
{
	bool is_leaving = false;

	while (proto->phase != AB_PROTO_ENDED && !output.text.cut) {
		const void *data;
		short events = POLLIN;
		int r;

		if (proto->phase == AB_PROTO_LOGOUT && !is_leaving) {
			is_leaving = true;
			deadline =
				ab_mono_min(deadline, ab_mono_add_ms(ab_clock_now(),
								     LOGOUT_GRACE_MS));
		}
		r = send_pending(fd, proto);
		if (r == 0) {
			if (ab_proto_pending(proto, &data) > 0)
				events |= POLLOUT;
			r = wait_for(fd, events, deadline);
			if (r == 0)
				return 0;
		}
		if (r > 0)
			r = receive(fd, proto);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ab_proto_item_fn. */
static void add_item(void *arg, const struct ab_proto_item *item)
{
	struct output *out = arg;
	struct ab_text *t = &out->text;

	ab_text_add(t, "P\t");
	ab_text_add(t, item->target);
	ab_text_addc(t, '\t');
	ab_name_add_portal(t, item->portal.addr.family ? &item->portal : &out->asked);
	if (item->tpgt != AB_TPGT_UNKNOWN) {
		ab_text_addc(t, ',');
		ab_text_addi(t, item->tpgt);
	}
	ab_text_addc(t, '\n');
}

static void say_failure(const struct ab_proto *proto, enum ab_discovery_code code)
{
	char address[AB_TARGET_NAME * 3];
	struct ab_text t;

	if (code == AB_DISCOVERY_REDIRECT && proto->redirect[0]) {
		ab_text_init(&t, address, sizeof(address));
		ab_text_add_escaped(&t, proto->redirect, strlen(proto->redirect));
		say("%s to %s, which is not followed", ab_discovery_strerror(code),
		    address);
	} else if (code == AB_DISCOVERY_DENIED || code == AB_DISCOVERY_BUSY ||
		   code == AB_DISCOVERY_REJECTED) {
		say("%s (detail %u)", ab_discovery_strerror(code), proto->detail);
	} else if (proto->why[0] && code == proto->code) {
		say("%s: %s", ab_discovery_strerror(code), proto->why);
	} else {
		say("%s", ab_discovery_strerror(code));
	}
}

static void say_skipped(const struct ab_proto *proto)
{
	char line[256];
	struct ab_text t;
	unsigned int i;

	ab_text_init(&t, line, sizeof(line));
	for (i = 0; i < AB_PROTO_SKIP_MAX; i++) {
		if (!proto->n_skipped[i])
			continue;
		ab_text_add(&t, t.len ? ", " : "");
		ab_text_addu(&t, proto->n_skipped[i]);
		ab_text_addc(&t, ' ');
		ab_text_add(&t, ab_proto_skip_name(i));
	}
	if (t.len)
		say("left out of the answer: %s", line);
}

static enum ab_discovery_code discover(int fd, const struct request *req,
				       uint64_t nonce, ab_mono deadline)
{
	static struct ab_proto proto;
	struct ab_proto_config config = {
		.initiator = req->initiator,
		.nonce = nonce,
		.items_max = req->max,
		.has_device = req->ifindex != 0,
		.chap = req->chap ? &chap : NULL,
		.fn = add_item,
		.arg = &output,
	};
	enum ab_discovery_code code = connect_portal(fd, req, deadline);
	int r;

	if (code)
		return code;
	ab_proto_init(&proto, &config);
	r = converse(fd, &proto, deadline);
	if (proto.phase >= AB_PROTO_LOGOUT)
		code = proto.code; /* settled: a failing farewell changes nothing */
	else if (r < 0)
		code = code_of_errno(-r);
	else
		code = AB_DISCOVERY_TIMEOUT;
	if (output.text.cut)
		code = AB_DISCOVERY_LIMIT;
	if (code)
		say_failure(&proto, code);
	else
		say_skipped(&proto);
	return code;
}

/* --- output ----------------------------------------------------------------------- */

static bool write_all(const char *data, size_t n)
{
	while (n > 0) {
		ssize_t written = write(STDOUT_FILENO, data, n);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			data += written;
			n -= (size_t)written;
		}
	}
	return true;
}

/* All lines and the trailer, or the trailer alone. */
static enum ab_discovery_code print(enum ab_discovery_code code)
{
	char trailer[TRAILER_MAX];
	uint32_t n_lines = 0;
	struct ab_text t;
	size_t i;

	if (code)
		output.text.len = 0;
	for (i = 0; i < output.text.len; i++)
		n_lines += output.buf[i] == '\n';
	ab_text_init(&t, trailer, sizeof(trailer));
	ab_text_add(&t, "E\t");
	ab_text_addu(&t, code);
	ab_text_addc(&t, '\t');
	ab_text_addu(&t, n_lines);
	ab_text_addc(&t, '\n');
	if (write_all(output.buf, output.text.len) && write_all(t.buf, t.len))
		return code;
	say("cannot write the answer: %s", strerror(errno));
	return AB_DISCOVERY_SYSTEM;
}

/* Standard descriptors exist, no others do but that of the secret: the socket can never
 * be taken for one. */
static bool tidy_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	/* Before Linux 5.9 what was inherited stays: the spawner passes nothing else.
	 */
	(void)syscall(SYS_close_range, SECRET_FILENO + 1, ~0u, 0);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	ab_mono begin = ab_clock_now();
	struct request req;
	enum ab_discovery_code code;
	uint64_t nonce = 0;
	int fd = -1;

	if (!tidy_descriptors())
		return AB_DISCOVERY_SYSTEM;
	(void)signal(SIGPIPE, SIG_IGN);
	ab_text_init(&output.text, output.buf, sizeof(output.buf));
	code = parse_arguments(argc, argv, &req);
	if (code == AB_DISCOVERY_OK && req.chap)
		code = read_secret(&req);
	(void)close(SECRET_FILENO); /* only read, if it was open at all */
	if (code == AB_DISCOVERY_OK && req.chap)
		code = prepare_chap();
	if (code == AB_DISCOVERY_OK) {
		/* Not a secret: early in a boot zeros do. */
		(void)!getrandom(&nonce, sizeof(nonce), GRND_NONBLOCK);
		output.asked = req.portal;
		set_where(&req);
		code = open_socket(&req, &fd);
	}
	if (code == AB_DISCOVERY_OK)
		code = enter_sandbox();
	if (code == AB_DISCOVERY_OK)
		code = discover(fd, &req, nonce,
				ab_mono_add_ms(begin, req.deadline_ms));
	explicit_bzero(&chap, sizeof(chap));
	code = print(code);
	/* No destructors: the sandbox has no calls for them, the kernel closes all. */
	_exit((int)code);
}
