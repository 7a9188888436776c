import { type AttachmentRecord, type AttachmentRecords, attachmentRecords } from "./attachment-records.ts";

/*
 * What sbr has done for an interface, and the routes that it took out of the main table, kept until DEL puts them back:
 *
 *     <dataDir>/<network>/<container id>:<interface>       mode 0600 (attachment-files.ts), one line
 *
 *     {"containerId":"…","ifName":"…","sandbox":{"path":"…","namespace":"…"},"linkIndex":2,"ownTables":true,
 *      "rules":[["10.0.0.2",100]],"tableRoutes":["…"],"movedRoutes":["…"],"hints":["…"]}
 *
 * Routes are the bodies of netlink requests (lib/netlink/route-copy.ts) in hexadecimal: everything that the kernel said
 * of them. Written before anything is changed, and removed when all is put back. Without it DEL removes rules and tables
 * as it finds them by the interface's addresses, and main stays without the routes. Below /run it ends with the
 * namespaces that it tells of. No lock: a record belongs to one attachment.
 */

export const defaultSourceRoutingDirectory = "/run/cni-suite/sbr";

export interface SourceRoutingRecord extends AttachmentRecord {
	readonly linkIndex: number;
	/** Whether the tables were made for this attachment. */
	readonly ownTables: boolean;
	/** Source address and table of each rule. */
	readonly rules: readonly (readonly [source: string, table: number])[];
	/** What was put into the tables. */
	readonly tableRoutes: readonly string[];
	/** What was taken out of main. */
	readonly movedRoutes: readonly string[];
	/** What was put into main. */
	readonly hints: readonly string[];
}

export function sourceRoutingRecords(place: {
	dataDir: string;
	network: string;
}): AttachmentRecords<SourceRoutingRecord> {
	return attachmentRecords(place, {
		what: "routes",
		keys: ["linkIndex", "ownTables", "rules", "tableRoutes", "movedRoutes", "hints"],
	});
}
