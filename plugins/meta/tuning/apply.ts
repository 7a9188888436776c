import type { Sandbox } from "../../../lib/attachment/sandbox.ts";
import { annotate, CniError, ErrorCode, messageOf } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import { Errno, errnoOf } from "../../../lib/linux/errno.ts";
import { readSysctl, writeSysctl } from "../../../lib/linux/sysctl.ts";
import { type LinkChange, setLink } from "../../../lib/netlink/link.ts";
import { identifySandbox } from "../../../lib/state/sandbox-identity.ts";
import {
	type LinkBackup,
	readTuning,
	removeTuning,
	type TuningState,
	writeTuning,
} from "../../../lib/state/tuning-record.ts";
import { type TuningConfig, type TuningSettings, tuningDirectory } from "./config.ts";
import { requireLink } from "./container-link.ts";
import { putBack } from "./put-back.ts";

/** Keeps what is there, and then sets what the settings say. @throws CniError */
export function applySettings(
	sandbox: Sandbox,
	work: { request: AddRequest<TuningConfig>; settings: TuningSettings },
): void {
	const { request, settings } = work;
	const dataDir = tuningDirectory(request.config);
	const current = readState(sandbox, work);
	const kept = readTuning(dataDir, request);
	request.rollback.push("what was before tuning", () => {
		removeTuning(dataDir, request);
		if (kept.backup !== undefined || kept.record !== undefined)
			writeTuning(dataDir, { attachment: request, state: kept });
	});
	writeTuning(dataDir, { attachment: request, state: firstState(kept, current) });
	request.rollback.push("tuning", () => {
		putBack({ netns: request.netns, ifName: request.ifName, state: current });
	});
	sandbox.namespace.run(() => {
		for (const { path, value } of settings.sysctls) {
			annotate(`Cannot set ${path} to "${value}"`, () => writeSysctl(path, value));
		}
	});
	changeLink(sandbox, { ifName: request.ifName, index: current.record.linkIndex, settings });
}

/** The present values of whatever the settings change. */
function readState(
	sandbox: Sandbox,
	{ request, settings }: { request: AddRequest<TuningConfig>; settings: TuningSettings },
): TuningState & { readonly record: NonNullable<TuningState["record"]> } {
	const { containerId, ifName, netns } = request;
	const link = requireLink(sandbox, ifName);
	const { mac, promiscuous, mtu, allMulticast, txQueueLength } = settings;
	const backup: LinkBackup = {
		...(mac === undefined ? {} : { mac: link.mac }),
		...(promiscuous === undefined ? {} : { promisc: link.promiscuity > 0 }),
		...(mtu === undefined ? {} : { mtu: link.mtu }),
		...(allMulticast === undefined ? {} : { allmulti: link.allMulticast }),
		...(txQueueLength === undefined ? {} : { txQLen: link.txQueueLength }),
	};
	const sysctls = sandbox.namespace.run(() =>
		Object.fromEntries(settings.sysctls.flatMap(({ path }) => formerValue(path))),
	);
	return {
		backup: Object.keys(backup).length === 0 ? undefined : backup,
		record: { containerId, ifName, sandbox: identifySandbox(netns), linkIndex: link.index, sysctls },
	};
}

/** Some parameters can only be written: what they were, nobody can say. */
function formerValue(path: string): readonly (readonly [path: string, value: string])[] {
	try {
		return [[path, readSysctl(path)]];
	} catch (thrown) {
		if (errnoOf(thrown) !== Errno.ENOENT) return [];
		throw new CniError(ErrorCode.internal, `Cannot set ${path}: ${messageOf(thrown)}`, {
			details: "This kernel does not have the parameter in the container's network namespace",
		});
	}
}

/** What a former ADD of the same interface has found is what DEL must put back, not what that ADD has made of it. */
function firstState(kept: TuningState, current: TuningState): TuningState {
	const { record } = current;
	const isSame =
		kept.record === undefined ||
		(kept.record.sandbox.namespace === record?.sandbox.namespace && kept.record.linkIndex === record.linkIndex);
	if (!isSame || record === undefined) return current;
	const backup = kept.backup === undefined ? current.backup : { ...current.backup, ...kept.backup };
	return { backup, record: { ...record, sysctls: { ...record.sysctls, ...kept.record?.sysctls } } };
}

function changeLink(
	sandbox: Sandbox,
	{ ifName, index, settings }: { ifName: string; index: number; settings: TuningSettings },
): void {
	const { mac, promiscuous, mtu, allMulticast, txQueueLength } = settings;
	const changes: readonly (readonly [what: string, LinkChange])[] = [
		...(mac === undefined ? [] : [[`MAC address ${mac}`, { mac }] as const]),
		...(promiscuous === undefined ? [] : [["promiscuous mode", { promiscuous }] as const]),
		...(mtu === undefined ? [] : [[`MTU ${mtu}`, { mtu }] as const]),
		...(allMulticast === undefined ? [] : [["all-multicast mode", { allMulticast }] as const]),
		...(txQueueLength === undefined ? [] : [[`transmit queue length ${txQueueLength}`, { txQueueLength }] as const]),
	];
	const errors = sandbox.socket.requestAll(changes.map(([, change]) => setLink({ index }, change)));
	const failed = errors.findIndex((error) => error !== undefined);
	if (failed < 0) return;
	throw new CniError(
		ErrorCode.internal,
		`Cannot set ${changes[failed]?.[0]} of "${ifName}": ${errors[failed]?.message}`,
		{
			cause: errors[failed],
		},
	);
}
