import { messageOf } from "../../../lib/cni/error.ts";
import { read } from "../../../lib/linux/libc.ts";
import { POLLIN, poll } from "../../../lib/linux/poll.ts";
import { writeStdout } from "../../../lib/linux/stdio.ts";
import { decodeUtf8 } from "../../../lib/linux/utf8.ts";
import type { MesosReport, WatchedMaster } from "../../../lib/mesos/operator/mesos-report.ts";
import { openMesosMaster } from "../../../lib/mesos/operator/open-mesos-master.ts";

/** Between two looks whether anybody still listens. */
const watchMs = 1000;

/**
 * `cluster mesos-agents`: watches the agents of a Mesos master for `cnictl agents watch`, which starts it. Here it can wait in
 * system calls, speak TLS, and read what a master sends in a process that has no access to etcd.
 *
 * Its standard input is a line, a {@link WatchedMaster} as JSON, and its end is that of the program; its standard output are
 * lines, a {@link MesosReport} each.
 *
 * @returns the exit code
 */
export async function reportMesosAgents(): Promise<number> {
	const report = (line: MesosReport) => writeStdout(`${JSON.stringify(line)}\n`);
	const log = (text: string) => report({ log: text });
	try {
		using source = openMesosMaster({ ...(JSON.parse(readLine()) as WatchedMaster), log });
		while (!hasEnded()) {
			const sightings = await source.watch(watchMs);
			report({ sightings, isCurrent: source.isCurrent === true });
		}
		return 0;
	} catch (thrown) {
		log(messageOf(thrown));
		return 1;
	}
}

/** The first line of stdin. */
function readLine(): string {
	const buffer = new Uint8Array(65_536);
	let line = "";
	while (!line.includes("\n")) {
		const length = read(0, buffer);
		if (length === 0) break;
		line += decodeUtf8(buffer.subarray(0, length));
	}
	return line;
}

/** Whether stdin has: nothing more is ever written to it. */
function hasEnded(): boolean {
	return poll([{ fd: 0, events: POLLIN }], 0)[0] === true;
}
