import { ownerAlias, removeLink } from "../../../lib/attachment/host-links.ts";
import { findIfbDevice, ifbNames } from "../../../lib/attachment/ifb-device.ts";
import {
	bucketHandle,
	isOurBucket,
	readShaping,
	redirectPriority,
	redirectsAll,
	type Shaping,
	targetsOf,
} from "../../../lib/attachment/shaping.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest } from "../../../lib/cni/plugin.ts";
import { Errno } from "../../../lib/linux/errno.ts";
import { addIfb } from "../../../lib/netlink/ifb.ts";
import { findLink, type Link, setLink } from "../../../lib/netlink/link.ts";
import { addIngress, deleteQdisc, replaceTokenBucket } from "../../../lib/netlink/qdisc.ts";
import { addRedirect, deleteFilters } from "../../../lib/netlink/redirect-filter.ts";
import { openRouteSocket } from "../../../lib/netlink/rtnetlink.ts";
import { type ByIndex, ingressParent, rootParent } from "../../../lib/netlink/traffic-control.ts";
import type { Message } from "../../../lib/netlink/wire/message.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { type Limit, type Limits, tokenBucketOf } from "./limit.ts";

export interface Work {
	readonly request: AddRequest<unknown>;
	readonly hostLink: Link;
	readonly limits: Limits;
}

/** How often another interface of the container may be faster to take the name of the ifb device. */
const attempts = 3;

/**
 * Puts the limits in force, in place of earlier ones: all in one system call, so that a killed ADD has done it or not.
 *
 * @returns the ifb device, where there is a limit for egress
 * @throws CniError
 */
export function applyLimits(host: NetlinkSocket, work: Work): Link | undefined {
	for (let attempt = 1; ; attempt++) {
		const plan = makePlan(host, work);
		work.request.rollback.push("limits", () => restore(plan, work));
		const errors = host.requestAll(plan.steps.map(({ message }) => message));
		const failed = errors.findIndex((error) => error !== undefined);
		if (failed < 0) return plan.device === undefined ? undefined : lookUp(host, plan.device);
		const [step, error] = [plan.steps[failed], errors[failed]];
		if (step?.isDevice && error?.errno === Errno.EEXIST && attempt < attempts) continue;
		throw new CniError(ErrorCode.internal, `${step?.failure}: ${error?.message}`, {
			details: helpFor(error?.errno),
			cause: error,
		});
	}
}

interface Step {
	readonly failure: string;
	readonly message: Message;
	readonly isDevice?: boolean;
}

interface Plan {
	readonly steps: readonly Step[];
	readonly before: Shaping;
	readonly device: ByIndex | undefined;
	/** Of the device, where there was none. */
	readonly newName: string | undefined;
}

function makePlan(host: NetlinkSocket, { request, hostLink, limits }: Work): Plan {
	const before = readShaping(host, hostLink);
	const steps: Step[] = [];
	let device: ByIndex | undefined;
	let newName: string | undefined;
	if (limits.egress !== undefined) {
		refuseForeignFilters(before, hostLink);
		const { link, freeName } = findIfbDevice(host, { attachment: request, hostLink });
		const alias = ownerAlias(request);
		if (link !== undefined) {
			device = link;
			steps.push({ failure: `set "${link.name}" up`, message: setLink({ index: link.index }, { up: true, alias }) });
		} else {
			newName = freeName ?? noNameLeft(request);
			device = { index: randomIndex() };
			steps.push(
				{
					failure: "adding link",
					message: addIfb({ name: newName, index: device.index, mtu: hostLink.mtu }),
					isDevice: true,
				},
				// By its index: a device of that name that is another's must not be given our owner.
				{ failure: `name the owner of "${newName}"`, message: setLink(device, { alias }) },
			);
		}
		steps.push(bucketStep("create ifb qdisc: create qdisc", { link: device, limit: limits.egress }));
		steps.push(...redirectSteps(before, { hostLink, device }));
	}
	if (limits.ingress !== undefined) {
		refuseForeignRoot(before, hostLink);
		steps.push(bucketStep("create qdisc", { link: hostLink, limit: limits.ingress }));
	}
	return { steps, before, device, newName };
}

function bucketStep(failure: string, { link, limit }: { link: ByIndex; limit: Limit }): Step {
	return { failure, message: replaceTokenBucket(link, { handle: bucketHandle, bucket: tokenBucketOf(limit) }) };
}

/** The device limits already when the first packet is redirected to it. */
function redirectSteps(before: Shaping, { hostLink, device }: { hostLink: Link; device: ByIndex }): readonly Step[] {
	if (redirectsAll(before) && targetsOf(before).every((index) => index === device.index)) return [];
	const redirect = addRedirect(hostLink, { priority: redirectPriority, target: device });
	return [
		...(before.hasIngress ? [] : [{ failure: "create ingress qdisc", message: addIngress(hostLink) }]),
		...(before.filters.length > 0
			? [{ failure: "remove filter", message: deleteFilters(hostLink, redirectPriority) }]
			: []),
		{ failure: "add filter", message: redirect },
	];
}

/** As `dev_new_index` of the kernel would not come to before the host has made a thousand million links. */
function randomIndex(): number {
	return 2 ** 30 + Math.floor(Math.random() * 2 ** 30);
}

function noNameLeft(request: AddRequest<unknown>): never {
	throw new CniError(ErrorCode.internal, "adding link: file exists", {
		details: `Both names of the ifb device are taken: ${ifbNames(request).join(", ")}. \`ip -d link show type ifb\` shows whose they are`,
	});
}

function refuseForeignRoot({ root }: Shaping, { name }: Link): void {
	if (root === undefined || isOurBucket(root)) return;
	throw new CniError(ErrorCode.internal, "create qdisc: file exists", {
		details: `"${name}" has a discipline of kind "${root.kind}" that another program has set: tc qdisc del dev ${name} root`,
	});
}

function refuseForeignFilters(before: Shaping, { name }: Link): void {
	if (before.filters.length === 0 || redirectsAll(before)) return;
	throw new CniError(ErrorCode.internal, "create ingress qdisc: file exists", {
		details: `"${name}" has filters that another program has set: tc filter show dev ${name} ingress`,
	});
}

/** As it was before. A filter that was there and led nowhere is not put back. */
function restore({ before, newName }: Plan, { request, hostLink, limits }: Work): void {
	// The sockets of the ADD are closed by then.
	using host = openRouteSocket();
	const undo: Message[] = [];
	if (limits.egress !== undefined && !before.hasIngress) undo.push(deleteQdisc(hostLink, ingressParent));
	if (limits.ingress !== undefined) {
		const bucket = before.root?.tokenBucket;
		undo.push(
			bucket === undefined
				? deleteQdisc(hostLink, rootParent)
				: replaceTokenBucket(hostLink, { handle: bucketHandle, bucket }),
		);
	}
	// What is gone already needs no undoing.
	host.requestAll(undo);
	if (newName !== undefined && findLink(host, { name: newName })?.alias === ownerAlias(request)) {
		removeLink(host, { name: newName });
	}
}

function lookUp(host: NetlinkSocket, device: ByIndex): Link {
	const link = findLink(host, device);
	if (link !== undefined) return link;
	throw new CniError(ErrorCode.internal, "get ifb device: Link not found", {
		details: "It was made a moment ago: another program has removed it",
	});
}

function helpFor(errno: number | undefined): string {
	switch (errno) {
		case Errno.ENOENT:
		case Errno.EOPNOTSUPP:
			return "The kernel may lack a module: modprobe -a ifb sch_tbf sch_ingress cls_u32 act_mirred";
		default:
			return "";
	}
}
