import { openSandbox, openSandboxIfPresent, type Sandbox } from "../../../lib/attachment/sandbox.ts";
import { CniError, ErrorCode } from "../../../lib/cni/error.ts";
import type { AddRequest, AttachmentRequest, Plugin } from "../../../lib/cni/plugin.ts";
import type { Result } from "../../../lib/cni/result.ts";
import { createTeardown } from "../../../lib/cni/teardown.ts";
import { specVersions } from "../../../lib/cni/version.ts";
import { lockOpenFile } from "../../../lib/linux/file-lock.ts";
import { findLink, type Link } from "../../../lib/netlink/link.ts";
import { listAllRoutes, routesThrough } from "../../../lib/netlink/route-copy.ts";
import { usedTables } from "../../../lib/netlink/used-tables.ts";
import { collectRecords } from "../../../lib/state/collect-records.ts";
import { isSandboxGone, pathUnlessGone } from "../../../lib/state/sandbox-identity.ts";
import { sourceRoutingRecords } from "../../../lib/state/source-routing-record.ts";
import { applyRouting } from "./apply.ts";
import { parseSettings, recordDirectory, type SbrConfig, sbrSchema } from "./config.ts";
import { describeRouting, ownIps } from "./describe.ts";
import { recordOf, routingOf } from "./kept-routing.ts";
import { takeBack, takeBackUnrecorded } from "./take-back.ts";
import { verifyRouting } from "./verify.ts";

/** Routes what a container sends by the address that it sends from. docs/plugins/sbr.md */
export const sbr: Plugin<SbrConfig> = {
	type: "sbr",
	versions: specVersions,
	schema: sbrSchema,

	add(request) {
		const settings = parseSettings(request.config);
		const prevResult = requirePrevResult(request);
		const ips = ownIps(prevResult, request.ifName);
		using sandbox = openSandbox(request.netns);
		lockOpenFile(sandbox.namespace.fd);
		const link = requireLink(sandbox, request.ifName);
		forgetFormer(sandbox, { request, link });
		if (ips.length === 0) return prevResult;
		const routes = listAllRoutes(sandbox.socket);
		const routing = describeRouting(settings, {
			ips,
			linkIndex: link.index,
			linkRoutes: routesThrough(routes, link.index),
			usedTables: usedTables(sandbox.socket, routes),
		});
		const record = recordOf(request, { routing, linkIndex: link.index });
		const records = recordsOf(request);
		request.rollback.push("source routing", () => {
			// The sandbox of the ADD is closed by then.
			using again = openSandbox(request.netns);
			lockOpenFile(again.namespace.fd);
			for (const complaint of takeBack(again, record)) request.log.warn(complaint);
			records.remove(request);
		});
		records.write(record);
		request.log.step("source routing", () => applyRouting(sandbox, routing));
		return prevResult;
	},

	check(request) {
		const { table } = parseSettings(request.config);
		const ips = ownIps(requirePrevResult(request), request.ifName);
		using sandbox = openSandbox(request.netns);
		lockOpenFile(sandbox.namespace.fd);
		const link = requireLink(sandbox, request.ifName);
		const record = recordsOf(request).read(request);
		const routing = record?.linkIndex === link.index ? routingOf(record) : undefined;
		verifyRouting(sandbox, { ips, linkIndex: link.index, routing, table });
	},

	/** As ADD has kept it, whatever the configuration says now. */
	async del(request) {
		const { config, ifName, netns, prevResult, log } = request;
		const teardown = createTeardown(log);
		await teardown.step("source routing", () => {
			const record = recordsOf(request).read(request);
			using sandbox = openSandboxIfPresent(netns || pathUnlessGone(record?.sandbox), log);
			if (sandbox !== undefined) {
				lockOpenFile(sandbox.namespace.fd);
				if (record === undefined) {
					const addresses = prevResult === undefined ? [] : ownIps(prevResult, ifName).map((ip) => ip.address.address);
					takeBackUnrecorded(sandbox, { attachment: request, addresses, table: config.table });
				} else for (const complaint of takeBack(sandbox, record)) log.warn(complaint);
			}
			// Last: whoever has to try again needs it.
			recordsOf(request).remove(request);
		});
		teardown.finish();
	},

	async gc({ config, network, validAttachments, log }) {
		const teardown = createTeardown(log);
		await collectRecords(teardown, {
			records: recordsOf({ config, network }),
			validAttachments,
			what: "source routing",
			undo(record) {
				using sandbox = openSandboxIfPresent(pathUnlessGone(record.sandbox), log);
				if (sandbox === undefined) return;
				lockOpenFile(sandbox.namespace.fd);
				for (const complaint of takeBack(sandbox, record)) log.warn(complaint);
			},
		});
		teardown.finish();
	},

	status({ config }) {
		parseSettings(config);
	},
};

function recordsOf({ config, network }: { config: SbrConfig; network: string }) {
	return sourceRoutingRecords({ dataDir: recordDirectory(config), network });
}

function requirePrevResult({ prevResult, ifName }: AttachmentRequest<SbrConfig>): Result {
	if (prevResult === undefined) {
		throw new CniError(ErrorCode.invalidNetworkConfig, "This plugin must be called as chained plugin", {
			details: 'Put sbr behind the plugin that makes the interface, in "plugins" of a .conflist',
		});
	}
	if (prevResult.ips.length > 0) return prevResult;
	throw new CniError(ErrorCode.invalidNetworkConfig, `No IP addresses supplied on interface: ${ifName}`, {
		details: "The plugin before must give it one",
	});
}

function requireLink(sandbox: Sandbox, ifName: string): Link {
	const link = findLink(sandbox.socket, { name: ifName });
	if (link !== undefined) return link;
	throw new CniError(ErrorCode.internal, `Cannot find network interface ${ifName}: Link not found`, {
		details: "The plugin before in the list makes it",
	});
}

/** What an ADD has left for an interface that is no more goes; a second ADD for the same is refused. */
function forgetFormer(sandbox: Sandbox, { request, link }: { request: AddRequest<SbrConfig>; link: Link }): void {
	const former = recordsOf(request).read(request);
	if (former === undefined || isSandboxGone(former.sandbox)) return;
	if (former.linkIndex === link.index) {
		throw new CniError(
			ErrorCode.internal,
			`Cannot route by source address on "${request.ifName}": it has been done for this attachment already`,
			{ details: "DEL it first" },
		);
	}
	if (former.sandbox.path === request.netns) takeBack(sandbox, former);
}
