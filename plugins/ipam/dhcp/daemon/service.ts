import { annotate, messageOf } from "../../../../lib/cni/error.ts";
import { parseJson } from "../../../../lib/cni/json/parse-json.ts";
import { validAttachmentsOf } from "../../../../lib/cni/network-config.ts";
import type { Result } from "../../../../lib/cni/result.ts";
import { decodeDocument } from "../../../../lib/cni/schema.ts";
import { validateContainerId, validateIfName, validateNetworkName } from "../../../../lib/cni/validate.ts";
import type { Lease } from "../../../../lib/dhcp/lease.ts";
import type { GobObject, GobStruct } from "../../../../lib/gob/types.ts";
import { formatAddress } from "../../../../lib/ip/address.ts";
import { decodeUtf8 } from "../../../../lib/linux/utf8.ts";
import { clientIdOf, clientOptions } from "../client-options.ts";
import { type DhcpConfig, dhcpSchema } from "../config.ts";
import { encodeResult, type Method, methods, nothing, resultType, textOf } from "../wire.ts";
import type { LeaseKeeper, OwnAttachment } from "./lease-keeper.ts";

/** What a call is answered. */
export interface Reply {
	readonly type: GobStruct;
	readonly value: GobObject;
}

/** Who has called, and hears of it once. */
export interface Caller {
	answer(reply: Reply): void;
	/** With the text of an error. */
	refuse(error: string): void;
}

/** The calls that the daemon serves. */
export interface Service {
	/** @returns what to do when the caller has gone before it was answered */
	serve(method: string, args: GobObject, caller: Caller): () => void;
}

/** @returns what {@link Service.serve} does, where there is anything to do */
type Serve = (args: GobObject, caller: Caller) => (() => void) | undefined;

/** `hostprefix` is put before the paths of namespaces. */
export function createService(keeper: LeaseKeeper, { hostprefix }: { hostprefix: string }): Service {
	const allocate = (args: GobObject, caller: Caller) => {
		const config = configOf(args);
		const attachment = attachmentOf(args, config);
		const options = clientOptions(config, { args: textOf(args, "Args"), clientId: clientIdOf(attachment) });
		return keeper.allocate(
			{ ...attachment, sandbox: `${hostprefix}${textOf(args, "Netns")}`, options },
			{ got: (lease) => caller.answer(replyOf(lease, config)), failed: (reason) => caller.refuse(reason) },
		);
	};
	const done = { type: nothing, value: {} };
	const served: Readonly<Record<Method, Serve>> = {
		"DHCP.Allocate": allocate,
		"DHCP.Release"(args, caller) {
			keeper.release(attachmentOf(args, configOf(args)));
			caller.answer(done);
			return undefined;
		},
		"DHCP.Check"(args, caller) {
			const config = configOf(args);
			caller.answer(replyOf(keeper.find(attachmentOf(args, config)), config));
			return undefined;
		},
		"DHCP.Collect"(args, caller) {
			const document = documentOf(args);
			const { name } = decodeDocument(dhcpSchema, document);
			// Without a list there is no proof of anything.
			const valid = validAttachmentsOf(document);
			if (valid !== undefined) keeper.collect(name, valid);
			caller.answer(done);
			return undefined;
		},
		"DHCP.Status"(_, caller) {
			caller.answer(done);
			return undefined;
		},
	};
	return {
		serve(method, args, caller) {
			const known = methods.find((each) => each === method);
			if (known === undefined) {
				const what = method.startsWith("DHCP.") ? "method" : "service";
				caller.refuse(`rpc: can't find ${what} ${method}`);
				return () => {};
			}
			try {
				return served[known](args, caller) ?? (() => {});
			} catch (thrown) {
				caller.refuse(messageOf(thrown));
				return () => {};
			}
		},
	};
}

function documentOf({ StdinData }: GobObject): Readonly<Record<string, unknown>> {
	return annotate("error parsing netconf", () => {
		const document = parseJson(decodeUtf8(StdinData instanceof Uint8Array ? StdinData : new Uint8Array(0)));
		if (typeof document !== "object" || document === null || Array.isArray(document)) {
			throw new Error("the configuration must be a JSON object");
		}
		return document as Readonly<Record<string, unknown>>;
	});
}

function configOf(args: GobObject): DhcpConfig {
	const document = documentOf(args);
	return annotate("error parsing netconf", () => decodeDocument(dhcpSchema, document));
}

/** They become names of files: a caller that has not validated them is no plugin. @throws CniError */
function attachmentOf(args: GobObject, { name }: DhcpConfig): OwnAttachment {
	const attachment = { containerId: textOf(args, "ContainerID"), network: name, ifName: textOf(args, "IfName") };
	validateContainerId(attachment.containerId);
	validateNetworkName(attachment.network);
	validateIfName(attachment.ifName);
	return attachment;
}

function replyOf(lease: Lease, config: DhcpConfig): Reply {
	return { type: resultType, value: encodeResult(resultOf(lease, config.ipam?.priority ?? 0)) };
}

const scopeLink = 253;

function resultOf(lease: Lease, priority: number): Result {
	const { address, gateway, nameservers, domain, search } = lease;
	return {
		interfaces: [],
		ips: [{ address, ...(gateway === undefined ? {} : { gateway }) }],
		routes: lease.routes.map((route) => ({
			dst: route.destination,
			gw: route.gateway,
			// No router: the network is on the link.
			...(route.gateway.value === 0n ? { scope: scopeLink } : {}),
			...(priority === 0 ? {} : { priority }),
		})),
		dns: {
			...(nameservers.length === 0 ? {} : { nameservers: nameservers.map(formatAddress) }),
			...(domain === "" ? {} : { domain }),
			...(search.length === 0 ? {} : { search }),
		},
	};
}
