import { hostDeviceRecords } from "../../../lib/state/host-device-record.ts";
import { type HostDeviceConfig, recordDirectory } from "./config.ts";

/** The records of the network's attachments. */
export function recordsOf({ config, network }: { config: HostDeviceConfig; network: string }) {
	return hostDeviceRecords({ dataDir: recordDirectory(config), network });
}
