import type { FindingKind } from "./finding.ts";
import { cachedResults } from "./kinds/cached-results.ts";
import { chainResults } from "./kinds/chain-results.ts";
import { firewallRules } from "./kinds/firewall-rules.ts";
import { hostLinks } from "./kinds/host-links.ts";
import { ifbDevices } from "./kinds/ifb-devices.ts";
import { iptablesChains } from "./kinds/iptables-chains.ts";
import { iptablesForwarding } from "./kinds/iptables-forward.ts";
import { pluginRecords } from "./kinds/plugin-records.ts";
import { referencePorts } from "./kinds/reference-ports.ts";
import { reservations } from "./kinds/reservations.ts";
import { spoofChecks } from "./kinds/spoof-checks.ts";
import { tuningBackups } from "./kinds/tuning-backups.ts";
import { unrecordedVrfs } from "./kinds/unrecorded-vrfs.ts";

/**
 * Every kind of things that containers leave behind, in the order of removal: what carries packets, then addresses, which
 * somebody else may get at once, and last what tells of the others.
 */
export const findingKinds: readonly FindingKind[] = [
	ifbDevices,
	hostLinks,
	spoofChecks,
	...firewallRules,
	referencePorts,
	iptablesChains,
	iptablesForwarding,
	...pluginRecords,
	tuningBackups,
	unrecordedVrfs,
	chainResults,
	reservations,
	cachedResults,
];
