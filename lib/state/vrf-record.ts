import { type AttachmentRecord, type AttachmentRecords, attachmentRecords } from "./attachment-records.ts";

/*
 * What an interface had before vrf gave it a master, kept until DEL puts it back:
 *
 *     <dataDir>/<network>/<container id>:<interface>       mode 0600 (attachment-files.ts), one line
 *
 *     {"containerId":"…","ifName":"…","sandbox":{"path":"…","namespace":"…"},"linkIndex":2,"vrf":"blue","table":1,
 *      "addresses":["fd00::2/64"],"routes":["…"]}
 *
 * The kernel forgets both when an interface changes its master. Routes are the bodies of netlink requests
 * (lib/netlink/route-copy.ts) in hexadecimal. Written before anything is changed, removed when all is put back. Without it
 * DEL puts back what the VRF's table has, and GC does not know of the attachment. Below /run it ends with the namespaces
 * that it tells of. No lock: a record belongs to one attachment.
 */

export const defaultVrfDirectory = "/run/cni-suite/vrf";

export interface VrfRecord extends AttachmentRecord {
	readonly linkIndex: number;
	readonly vrf: string;
	readonly table: number;
	/** IPv6, but for the link-local one. */
	readonly addresses: readonly string[];
	/** Through the interface, of all tables; those of main are in the VRF's meanwhile. */
	readonly routes: readonly string[];
}

export function vrfRecords(place: { dataDir: string; network: string }): AttachmentRecords<VrfRecord> {
	return attachmentRecords(place, { what: "VRFs", keys: ["linkIndex", "vrf", "table", "addresses", "routes"] });
}
