/*
 * How `cnictl task run` and the launcher, the stage of the executable that becomes the command, speak with each other:
 *
 *   1. The launcher is started with the JSON of LaunchNamespaces as its argument, and a socket as descriptor 3.
 *   2. It goes into these namespaces, writes the line "ready", and waits.
 *   3. The runner, when the network is attached, writes the line of a LaunchOrder.
 *   4. The launcher does as ordered and becomes the command, which closes the socket. Before, it writes a LaunchFailure
 *      if it cannot.
 *
 * A socket that ends before the order means that the runner is dead: nothing is started then.
 */

export const launchSocket = 3;
export const readyLine = "ready\n";

export interface LaunchNamespaces {
	/** New network and UTS namespaces. */
	readonly own: boolean;
	/** The process whose network and UTS namespaces to join. */
	readonly join?: number;
	/** A new mount namespace, for what only this container sees. */
	readonly mounts: boolean;
}

export interface LaunchOrder {
	/** The root directory of the command; undefined for that of the host. */
	readonly rootfs?: string;
	/** Files that take the place of others. What is missing is made in a root directory of its own, not on the host. */
	readonly mounts: readonly FileMount[];
	readonly hostname?: string;
	/** Looked for in PATH of `environment` unless it has a slash. */
	readonly program: string;
	readonly argv: readonly string[];
	/** `NAME=value` each. */
	readonly environment: readonly string[];
}

export interface FileMount {
	readonly source: string;
	/** Within the root directory of the command. */
	readonly target: string;
	readonly readOnly: boolean;
}

export interface LaunchFailure {
	readonly message: string;
	/** As a shell would exit: 127 when there is no such command, 126 when it cannot be executed, 125 for all else. */
	readonly exitCode: number;
}

/** The exit code of what was not even tried. */
export const couldNotStart = 125;
