import { attachmentPrefix, type NetworkAttachment } from "../../cni/attachment-tag.ts";
import { CniError, ErrorCode } from "../../cni/error.ts";
import type { AddRequest, AttachmentRequest } from "../../cni/plugin.ts";
import { Errno } from "../../linux/errno.ts";
import { findLink, type Link, setLink } from "../../netlink/link.ts";
import type { NetlinkError } from "../../netlink/wire/error.ts";
import type { NetlinkSocket } from "../../netlink/wire/socket.ts";
import { ownerAlias, removeLink } from "../host-links.ts";
import { removeInterfaceIn } from "../remove-interface.ts";
import { openSandboxIfPresent, type Sandbox } from "../sandbox.ts";
import type { OnMasterSettings } from "./link-on-master.ts";
import { loadHint } from "./readiness.ts";

/** Where a link is made, and for whom. */
export interface LinkPlace {
	readonly settings: OnMasterSettings;
	readonly sandbox: Sandbox;
	/** A socket of the namespace where the master is. */
	readonly lower: NetlinkSocket;
	readonly master: Link;
}

/** Creates the link in the sandbox, down, with the alias of its owner. @throws CniError */
export function createLink(request: AddRequest<unknown>, place: LinkPlace): Link {
	const { settings, sandbox } = place;
	const { kind } = settings;
	const { ifName } = request;
	// What the kernel has refused is somebody else's, if it is there; in any other doubt it was made.
	let refused = false;
	request.rollback.push(`${kind} "${ifName}"`, () => {
		if (refused) return;
		// That of the ADD is closed by then.
		using again = openSandboxIfPresent(request.netns, request.log);
		if (again !== undefined) removeOwnLink(again, { request, kind });
	});
	let name = ifName;
	let error = requestLink(place, name);
	if (error !== undefined && isNameOfOthers(error, { place, ifName })) {
		name = temporaryName(request);
		error = requestLink(place, name);
	}
	if (error !== undefined) {
		refused = true;
		throw creationError(error, { place, ifName });
	}
	const link = findLink(sandbox.socket, { name });
	if (link === undefined) throw failed(`failed to refetch ${kind} "${ifName}": Link not found`);
	// A passthru link is born with its master's hardware address, whatever the request says.
	const { mac = link.mac } = settings;
	sandbox.socket.request(
		setLink(link, {
			alias: ownerAlias(request),
			...(name === ifName ? {} : { name: ifName }),
			...(mac === link.mac ? {} : { mac }),
		}),
	);
	return { ...link, name: ifName, mac };
}

/** Refused before anything is done for the attachment. @throws CniError */
export function refuseExistingInterface({ socket }: Sandbox, { kind, ifName }: { kind: string; ifName: string }): void {
	if (findLink(socket, { name: ifName }) !== undefined) throw alreadyExists({ kind, ifName });
}

/** Removes the attachment's link, under its own name or the temporary one. */
export function removeOwnLink(
	sandbox: Sandbox,
	{ request, kind }: { request: AttachmentRequest<unknown>; kind: string },
): void {
	if (!removeInterfaceIn(sandbox, { request, kind })) removeLink(sandbox.socket, { name: temporaryName(request) });
}

function requestLink({ settings, sandbox, lower, master }: LinkPlace, name: string): NetlinkError | undefined {
	const { masterInContainer, mtu, mac } = settings;
	const namespaceFd = masterInContainer ? undefined : sandbox.namespace.fd;
	return lower.requestAll([settings.create({ name, master: master.index, namespaceFd, mtu, mac })])[0];
}

/** Before Linux 6.14 a name is refused when the master's namespace has it: `eth0` is likely to be the master's own. */
function isNameOfOthers(error: NetlinkError, { place, ifName }: { place: LinkPlace; ifName: string }): boolean {
	const { sandbox, settings } = place;
	if (error.errno !== Errno.EEXIST || settings.masterInContainer) return false;
	return findLink(sandbox.socket, { name: ifName }) === undefined;
}

/** Under which the link is made where its own name cannot be had at once; DEL finds it when ADD was killed meanwhile. */
function temporaryName(attachment: NetworkAttachment): string {
	const [, hash = ""] = attachmentPrefix(attachment).split("-");
	return `cni${hash.slice(0, 12)}`;
}

function creationError(error: NetlinkError, { place, ifName }: { place: LinkPlace; ifName: string }): CniError {
	const {
		settings: { kind },
		sandbox,
		master,
	} = place;
	switch (error.errno) {
		case Errno.EEXIST:
			if (findLink(sandbox.socket, { name: ifName }) !== undefined) return alreadyExists({ kind, ifName });
			return failed(
				`failed to create ${kind}: ${error.message}`,
				`Master "${master.name}" has the same already, on the host or in another container`,
			);
		case Errno.EOPNOTSUPP:
			return failed(`failed to create ${kind}: ${error.message}`, loadHint(kind));
		case Errno.EBUSY:
		case Errno.EINVAL:
			return failed(
				`failed to create ${kind}: ${error.message}`,
				// The kernel names other causes, such as an MTU that is too small.
				error.kernelText === ""
					? `Master "${master.name}" may be in use in a way that excludes this one: ip -d link show`
					: "",
			);
		default:
			return failed(`failed to create ${kind}: ${error.message}`);
	}
}

function alreadyExists({ kind, ifName }: { kind: string; ifName: string }): CniError {
	return failed(
		`failed to create ${kind}: file exists`,
		`The container has an interface "${ifName}" already: DEL it first, or choose another CNI_IFNAME`,
	);
}

function failed(message: string, details = ""): CniError {
	return new CniError(ErrorCode.internal, message, { details });
}
