import { type AttachmentRecord, type AttachmentRecords, attachmentRecords } from "./attachment-records.ts";

/*
 * What host-device has given to a container, kept until DEL has brought it home:
 *
 *     <dataDir>/<network>/<container id>:<interface>       mode 0600 (attachment-files.ts), one line
 *
 *     {"containerId":"…","ifName":"…","sandbox":{"path":"…","namespace":"…"},"device":"ens5f0","mac":"…","up":true}
 *
 * The device itself carries its former name as alias, as the reference has it, and DEL works with that alone. The record
 * lets GC find the device in a namespace, tells whether it was up, and lets the name be restored when a namespace went
 * without DEL and the kernel has sent the device back under another name. Written before the device moves, removed when
 * it is home. No lock: a record belongs to one attachment. Below /run it ends with the namespaces that it tells of.
 */

export const defaultHostDeviceDirectory = "/run/cni-suite/host-device";

export interface HostDeviceRecord extends AttachmentRecord {
	/** Its name on the host. */
	readonly device: string;
	readonly mac: string;
	/** Whether it was up on the host. */
	readonly up: boolean;
}

export function hostDeviceRecords(place: { dataDir: string; network: string }): AttachmentRecords<HostDeviceRecord> {
	return attachmentRecords(place, { what: "devices", keys: ["device", "mac", "up"] });
}
