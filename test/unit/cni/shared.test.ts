import { expect, test } from "@jest/globals";
import { createShared } from "../../../lib/cni/shared.ts";

/** Things that say when they are opened and closed. */
function recorder() {
	const events: string[] = [];
	const thing = (name: string) => {
		events.push(`open ${name}`);
		return { name, [Symbol.dispose]: () => events.push(`close ${name}`) };
	};
	return { events, socket: () => thing("socket"), namespace: (path: string) => thing(path) };
}

test("a thing is opened by the first that asks, once for each argument, and closed at the end, the last first", () => {
	const { events, socket, namespace } = recorder();
	{
		using sharing = createShared();
		const { shared } = sharing;
		expect(shared(socket)).toBe(shared(socket));
		expect(shared(namespace, "red")).toBe(shared(namespace, "red"));
		expect(shared(namespace, "blue").name).toBe("blue");
		expect(events).toEqual(["open socket", "open red", "open blue"]);
	}
	expect(events.slice(3)).toEqual(["close blue", "close red", "close socket"]);
});

test("what could not be opened is tried again by whoever asks next", () => {
	const { events, socket } = recorder();
	using sharing = createShared();
	let attempts = 0;
	const open = () => {
		if (++attempts === 1) throw new Error("too many open files");
		return socket();
	};
	expect(() => sharing.shared(open)).toThrow("too many open files");
	expect(sharing.shared(open).name).toBe("socket");
	expect(events).toEqual(["open socket"]);
});
