import { findIfbDevice, ifbNames } from "../../../lib/attachment/ifb-device.ts";
import { readShaping, redirectsAll, targetsOf } from "../../../lib/attachment/shaping.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AttachmentRequest } from "../../../lib/cni/plugin.ts";
import type { Link } from "../../../lib/netlink/link.ts";
import type { Qdisc } from "../../../lib/netlink/qdisc.ts";
import type { NetlinkSocket } from "../../../lib/netlink/wire/socket.ts";
import { differenceFrom, type Limit, type Limits, tokenBucketOf } from "./limit.ts";

/** Compares what the host's end and the ifb device do with the limits. @throws CniError naming the first difference */
export function verifyLimits(
	host: NetlinkSocket,
	{ request, hostLink, limits }: { request: AttachmentRequest<unknown>; hostLink: Link; limits: Limits },
): void {
	const shaping = readShaping(host, hostLink);
	if (limits.ingress !== undefined) verifyBucket(shaping.root, { link: hostLink, limit: limits.ingress });
	if (limits.egress === undefined) return;
	const { link: device } = findIfbDevice(host, { attachment: request, hostLink });
	if (device === undefined) {
		throw fault("get ifb device: Link not found", `It had one of the names ${ifbNames(request).join(", ")}`);
	}
	if (!device.up) throw fault(`Interface ${device.name} is down`, `Bring it up with: ip link set ${device.name} up`);
	if (!redirectsAll(shaping) || !targetsOf(shaping).includes(device.index)) {
		throw fault(
			`Failed to find the filter that redirects from ${hostLink.name} to ${device.name}`,
			`\`tc filter show dev ${hostLink.name} ingress\` shows what there is; traffic from the container is not limited`,
		);
	}
	verifyBucket(readShaping(host, device).root, { link: device, limit: limits.egress });
}

function verifyBucket(root: Qdisc | undefined, { link, limit }: { link: Link; limit: Limit }): void {
	const bucket = root?.tokenBucket;
	if (bucket === undefined) {
		const kind = root === undefined ? "none" : `one of kind "${root.kind}"`;
		throw fault(
			"Failed to find qdisc",
			`Interface ${link.name} must have a token bucket filter (tbf), and has ${kind}`,
		);
	}
	const difference = differenceFrom(limit, bucket);
	if (difference === undefined) return;
	const wanted = tokenBucketOf(limit);
	const values = {
		Rate: [`${bucket.rateBytesPerSecond} bytes/s`, `${wanted.rateBytesPerSecond}`],
		Limit: [`${bucket.limitBytes} bytes`, `${wanted.limitBytes}`],
		Buffer: [`${bucket.bufferTicks} ticks`, `${wanted.bufferTicks}`],
	}[difference];
	throw fault(
		`${difference} doesn't match`,
		`Interface ${link.name} has ${values[0]}, and the configuration means ${values[1]}`,
	);
}

function fault(message: string, details: string): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
