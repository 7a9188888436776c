/**
 * Who may import whom. Rooms of lib never import upwards; a plugin never knows another; only the files that are meant to
 * touch the kernel do. Type-only imports count: they are knowledge too.
 *
 * Each entry: a room, and the rooms of lib that it may import besides itself.
 */
const rooms = {
	ip: [],
	engine: [],
	linux: ["engine", "ip"],
	http: ["engine", "linux", "ip"],
	etcd: ["http", "linux", "ip"],
	netlink: ["linux", "ip"],
	dbus: ["linux"],
	gob: ["linux"],
	dhcp: ["linux", "ip"],
	cni: ["ip", "linux"],
	state: ["cni", "linux", "ip"],
	ipam: ["cni", "etcd", "linux", "ip", "state"],
	firewall: ["dbus", "netlink", "cni", "linux", "ip", "state"],
	attachment: ["netlink", "linux", "ip", "cni"],
	"range-ipam": ["cni", "ip", "ipam", "linux", "mesos"],
	cluster: ["cni", "etcd", "ip", "ipam", "linux", "range-ipam"],
	mesos: ["attachment", "cni", "firewall", "ip", "ipam", "linux", "netlink", "state"],
	"mesos/operator": ["cluster", "cni", "http", "linux"],
	cli: [
		"attachment",
		"cluster",
		"cni",
		"etcd",
		"firewall",
		"ip",
		"ipam",
		"linux",
		"mesos",
		"netlink",
		"range-ipam",
		"state",
	],
};

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
	name: `room-${room}`,
	comment: `lib/${room} imports ${allowed.length === 0 ? "no other room" : `only lib/{${allowed.join(",")}}`}`,
	severity: "error",
	// A room within a room has rules of its own.
	from: {
		path: `^lib/${room}/`,
		pathNot: Object.keys(rooms).flatMap((other) => (other.startsWith(`${room}/`) ? [`^lib/${other}/`] : [])),
	},
	to: { path: "^(lib|plugins|bin|test)/", pathNot: `^lib/(${[room, ...allowed].join("|")})/` },
}));

module.exports = {
	forbidden: [
		...roomRules,
		{
			name: "room-unknown",
			comment: "every file of lib belongs to a room that is listed here",
			severity: "error",
			from: { path: "^lib/", pathNot: `^lib/(${Object.keys(rooms).join("|")})/` },
			to: {},
		},
		{
			name: "no-cycle",
			comment: "no file imports itself through others, not even for a type",
			severity: "error",
			from: {},
			to: { circular: true },
		},
		{
			name: "plugin-alone",
			comment: "a plugin never imports another plugin",
			severity: "error",
			from: { path: "^plugins/([^/]+)/([^/.]+)" },
			to: { path: "^plugins/", pathNot: "^plugins/$1/$2(/|\\.ts$)" },
		},
		{
			name: "plugin-down",
			comment: "a plugin knows neither the operator's commands nor the runtime side of the protocol",
			severity: "error",
			from: { path: "^plugins/" },
			to: { path: "^(lib/cli/|lib/cni/runtime|bin/|test/)" },
		},
		{
			name: "registry-only",
			comment: "plugins are reached through plugins/registry.ts and bin only",
			severity: "error",
			from: { pathNot: "^(plugins|bin|test)/" },
			to: { path: "^plugins/" },
		},
		{
			name: "ffi-one-file",
			comment: "only lib/linux/system-call.ts talks to libc",
			severity: "error",
			from: { pathNot: "^lib/linux/system-call\\.ts$" },
			to: { path: "^bun:ffi$" },
		},
		{
			name: "bun-nowhere-else",
			comment: "no other module of Bun: the suite must be able to move to another runtime",
			severity: "error",
			from: { path: "^(lib|plugins|bin)/" },
			to: { path: "^bun(:(?!ffi$)|$)" },
		},
		{
			name: "packages-in-cli",
			comment: "only the operator's commands load packages: each costs milliseconds at every start",
			severity: "error",
			from: { path: "^(lib|plugins|bin)/", pathNot: "^lib/cli/" },
			to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"] },
		},
		{
			name: "packages-of-cli",
			comment: "the operator's commands load commander and execa, nothing else",
			severity: "error",
			from: { path: "^lib/cli/" },
			to: {
				dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"],
				pathNot: "(^|/)node_modules/(commander|execa)/",
			},
		},
		{
			name: "resolvable",
			comment: "an import that leads nowhere cannot be judged",
			severity: "error",
			from: {},
			to: { couldNotResolve: true, pathNot: "^bun(:|$)" },
		},
	],
	options: {
		parser: "swc",
		tsPreCompilationDeps: true,
		doNotFollow: { path: "(^|/)node_modules/" },
		builtInModules: { add: ["bun", "bun:ffi", "bun:sqlite", "bun:jsc", "bun:test"] },
		enhancedResolveOptions: {
			extensions: [".ts", ".mjs", ".js", ".json"],
			conditionNames: ["import", "require", "node", "default"],
			exportsFields: ["exports"],
		},
	},
};
