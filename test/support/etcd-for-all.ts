import { afterAll, beforeAll } from "@jest/globals";
import { type Etcd, startEtcd } from "./etcd.ts";
import { createWorld, type World } from "./world.ts";

/** One etcd for all tests of a file, on the host of a world of its own; `use` is told of both before the first test. */
export function etcdForAll(use: (started: { readonly etcd: Etcd; readonly world: World }) => void): void {
	const stack = new AsyncDisposableStack();
	beforeAll(async () => {
		const world = stack.adopt(createWorld(), (made) => made.dispose());
		use({ world, etcd: stack.use(await startEtcd(world.host)) });
	});
	afterAll(() => stack.disposeAsync());
}
