import { type Namespace, runIn } from "./namespace.ts";
import type { World } from "./world.ts";

/** A network between machines of a test: a bridge in a namespace of its own, which can be told to keep some apart. */
export interface Lan {
	/** Gives the machine an interface `lan0`, and it the address: `10.0.0.11/24`. */
	join(machine: Namespace, address: string): Plug;
	/** Whatever those of one side send to those of the other is lost from now on. */
	cut(one: readonly Plug[], other: readonly Plug[]): void;
	/** All reach each other again. */
	mend(): void;
}

/** Where a machine is plugged in. */
export interface Plug {
	readonly port: string;
	/** Without a prefix length. */
	readonly address: string;
}

const rules = `
	table bridge lan {
		set apart { type ifname . ifname; }
		chain forward { type filter hook forward priority 0; iifname . oifname @apart drop; }
	}`;

export function createLan(world: World): Lan {
	const middle = world.container();
	runIn(middle, "ip link add lan up type bridge".split(" "));
	runIn(middle, ["nft", "-f", "-"], { input: rules });
	let plugs = 0;
	return {
		join(machine, address) {
			const port = `port${plugs++}`;
			runIn(middle, `ip link add ${port} master lan up type veth peer name lan0 netns ${machine.name}`.split(" "));
			runIn(machine, `ip address add ${address} dev lan0`.split(" "));
			runIn(machine, "ip link set lan0 up".split(" "));
			return { port, address: address.replace(/\/\d+$/, "") };
		},
		cut(one, other) {
			const pairs = one.flatMap(({ port: a }) => other.map(({ port: b }) => `"${a}" . "${b}", "${b}" . "${a}"`));
			runIn(middle, ["nft", "-f", "-"], { input: `add element bridge lan apart { ${pairs.join(", ")} }` });
		},
		mend: () => {
			runIn(middle, "nft flush set bridge lan apart".split(" "));
		},
	};
}
