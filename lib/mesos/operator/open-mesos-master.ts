import { isAgentName } from "../../cluster/agent-name.ts";
import type { AgentSource } from "../../cluster/agent-source.ts";
import { connectBy } from "../../http/connect.ts";
import { type InternetEndpoint, parseInternetEndpoint } from "../../http/endpoint.ts";
import { readSecretFile } from "../../http/secret-file.ts";
import { secureStream } from "../../http/secure-stream.ts";
import { readIdentity, type TlsFiles } from "../../http/tls-identity.ts";
import { toBase64 } from "../../linux/base64.ts";
import { sleep } from "../../linux/libc.ts";
import { defaultPort } from "./redirect.ts";
import { watchMaster } from "./watch-master.ts";

/** How a master of Mesos is watched. */
export interface MesosMasterOptions extends Partial<TlsFiles> {
	/** URLs of masters, `http://10.0.0.5:5050` or `https://…`; any of them leads to the one that leads. */
	readonly masters: readonly string[];
	/** Who we are, for masters that want to know; goes with `passwordFile`. */
	readonly user?: string | undefined;
	/** A file with the password alone, which nobody else may read. It is read anew for each connection. */
	readonly passwordFile?: string | undefined;
	/**
	 * Between questions for all agents, which find what no event tells of; by default a minute. An event that one has left is
	 * looked after within a second.
	 */
	readonly pollIntervalMs?: number | undefined;
	/** The masters' `--agent_reregister_timeout`; by default theirs, ten minutes. */
	readonly reregisterTimeoutMs?: number | undefined;
	/** For making a connection, TLS included; by default five seconds. */
	readonly connectTimeoutMs?: number | undefined;
	/**
	 * Names of agents that masters of this cluster had before we came, so that those are found lost which were lost then. Of
	 * others, which no master knows, this would say that they are lost.
	 */
	readonly known?: readonly string[] | undefined;
	/** Milliseconds that do not go back: `performance.now`, unless it is a test's. */
	readonly clock?: (() => number) | undefined;
	readonly sleep?: ((milliseconds: number) => void) | undefined;
	/** From 0 to 1. */
	readonly random?: (() => number) | undefined;
	/** Where a line goes about connections made and lost; none has a secret in it. */
	readonly log: (line: string) => void;
}

/**
 * Watches the agents of a Mesos cluster by the operator API of its master; an agent's name is the name of its host as the
 * agent gives it (`--hostname`). It waits in system calls, and by TLS in the executable of the plugins only. Where masters
 * are given by names, a call of `watch` has to have the time in which name servers answer: a second is more than enough.
 *
 * @throws Error for options that cannot be meant, FileError for files that cannot be used
 */
export function openMesosMaster(options: MesosMasterOptions): AgentSource {
	const { caFile, certFile, keyFile, serverName, log, known = [] } = options;
	const files: TlsFiles = { caFile, certFile, keyFile, serverName };
	const masters = options.masters.map(parseMaster);
	if (masters.length === 0) throw new Error("Cannot watch a Mesos master: none is given. Give the URL of at least one");
	if ((certFile === undefined) !== (keyFile === undefined)) {
		throw new Error('Cannot identify to a Mesos master: "certFile" and "keyFile" go together. Give both, or none');
	}
	const stranger = known.find((name) => !isAgentName(name));
	if (stranger !== undefined)
		throw new Error(`Cannot watch the agent ${JSON.stringify(stranger)}: that is no name of one`);
	const authorization = authorizationOf(options);
	// What is wrong with a file is said at once; it may be replaced later.
	authorization();
	if (masters.some(({ secure }) => secure)) readIdentity(files);
	return watchMaster({
		masters,
		connect: connectBy((plain, host) =>
			secureStream(plain, { name: serverName ?? host, identity: readIdentity(files), peer: "the master" }),
		),
		authorization,
		pollIntervalMs: options.pollIntervalMs ?? 60_000,
		reregisterTimeoutMs: options.reregisterTimeoutMs ?? 600_000,
		connectTimeoutMs: options.connectTimeoutMs ?? 5000,
		known,
		clock: options.clock ?? (() => performance.now()),
		sleep: options.sleep ?? sleep,
		random: options.random ?? Math.random,
		log,
	});
}

function parseMaster(url: string): InternetEndpoint {
	const endpoint = parseInternetEndpoint(url, defaultPort);
	if (endpoint !== undefined) return endpoint;
	// Nobody is told a password that stands in it.
	const shown = JSON.stringify(url.replace(/\/\/.*@/s, "//…@"));
	throw new Error(
		`Cannot use ${shown} as a Mesos master. Write "http://HOST:PORT" or "https://HOST:PORT"; the user and the password's file are given by themselves`,
	);
}

/** HTTP's Basic authentication, RFC 7617 */
function authorizationOf({ user = "", passwordFile = "" }: MesosMasterOptions): () => string | undefined {
	if (user === "" && passwordFile === "") return () => undefined;
	if (user === "" || passwordFile === "") {
		throw new Error('Cannot log in to a Mesos master: "user" and "passwordFile" go together. Give both, or none');
	}
	if (/[:\p{C}]/u.test(user)) {
		throw new Error(`Cannot log in to a Mesos master as ${JSON.stringify(user)}: a user's name has no colon in it`);
	}
	return () => `Basic ${toBase64(`${user}:${readSecretFile(passwordFile, "passwordFile")}`)}`;
}
