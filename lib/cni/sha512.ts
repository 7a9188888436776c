import { encodeUtf8 } from "../linux/utf8.ts";

/**
 * SHA-512 of the text's UTF-8 form, in lower-case hexadecimal (FIPS 180-4). Our own, since not every engine that the suite
 * runs in has one.
 *
 * Words of 64 bits are two of 32, the high one first: with BigInt it takes three times as long in an engine that only
 * interprets. There a function is dear, too, so that rotations and carries are written out: the high half of `high` and
 * `low` rotated right by n is `(high >>> n) | (low << (32 - n))`, and a sum of unsigned low halves carries
 * `sum / two32` over to the high ones.
 */
export function sha512Hex(text: string): string {
	const kept = known.get(text) ?? hash(text);
	known.set(text, kept);
	return kept;
}

/** A call asks for the hashes of the same few names over and over. */
const known = new Map<string, string>();

function hash(text: string): string {
	const blocks = padded(encodeUtf8(text));
	const state = Int32Array.from(initialState);
	for (let offset = 0; offset < blocks.byteLength; offset += blockBytes) {
		compress(state, schedule(new DataView(blocks.buffer, offset, blockBytes)));
	}
	return Array.from(state, (half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

const blockBytes = 128;

/** The message, a one bit, zeros, and the message's length in bits. */
function padded(message: Uint8Array): Uint8Array<ArrayBuffer> {
	const blocks = new Uint8Array(Math.ceil((message.byteLength + 17) / blockBytes) * blockBytes);
	blocks.set(message);
	blocks[message.byteLength] = 0x80;
	new DataView(blocks.buffer).setBigUint64(blocks.byteLength - 8, BigInt(message.byteLength) * 8n);
	return blocks;
}

/** Section 6.4.2, step 1. */
function schedule(block: DataView): Int32Array {
	const w = new Int32Array(160);
	for (let i = 0; i < 32; i++) w[i] = block.getInt32(4 * i);
	for (let i = 32; i < 160; i += 2) {
		const nearHigh = w[i - 4] ?? 0;
		const nearLow = w[i - 3] ?? 0;
		const farHigh = w[i - 30] ?? 0;
		const farLow = w[i - 29] ?? 0;
		const sigma1High = ((nearHigh >>> 19) | (nearLow << 13)) ^ ((nearLow >>> 29) | (nearHigh << 3)) ^ (nearHigh >>> 6);
		const sigma1Low =
			((nearLow >>> 19) | (nearHigh << 13)) ^
			((nearHigh >>> 29) | (nearLow << 3)) ^
			((nearLow >>> 6) | (nearHigh << 26));
		const sigma0High = ((farHigh >>> 1) | (farLow << 31)) ^ ((farHigh >>> 8) | (farLow << 24)) ^ (farHigh >>> 7);
		const sigma0Low =
			((farLow >>> 1) | (farHigh << 31)) ^ ((farLow >>> 8) | (farHigh << 24)) ^ ((farLow >>> 7) | (farHigh << 25));
		const low = (sigma1Low >>> 0) + ((w[i - 13] ?? 0) >>> 0) + (sigma0Low >>> 0) + ((w[i - 31] ?? 0) >>> 0);
		w[i] = sigma1High + (w[i - 14] ?? 0) + sigma0High + (w[i - 32] ?? 0) + ((low / two32) | 0);
		w[i + 1] = low;
	}
	return w;
}

/** Section 6.4.2, steps 2 to 4. */
function compress(state: Int32Array, w: Int32Array): void {
	const k = roundConstants;
	let [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl] = state as unknown as Sixteen;
	for (let i = 0; i < 160; i += 2) {
		const sum1h = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
		const sum1l = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
		const chosen = (el & fl) ^ (~el & gl);
		const firstl = (hl >>> 0) + (sum1l >>> 0) + (chosen >>> 0) + ((k[i + 1] ?? 0) >>> 0) + ((w[i + 1] ?? 0) >>> 0);
		const firsth = (hh + sum1h + ((eh & fh) ^ (~eh & gh)) + (k[i] ?? 0) + (w[i] ?? 0) + ((firstl / two32) | 0)) | 0;
		const sum0h = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
		const sum0l = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
		const major = (al & bl) ^ (al & cl) ^ (bl & cl);
		const nextl = (firstl % two32) + (sum0l >>> 0) + (major >>> 0);
		const nexth = firsth + sum0h + ((ah & bh) ^ (ah & ch) ^ (bh & ch)) + ((nextl / two32) | 0);
		const fromd = (dl >>> 0) + (firstl % two32);
		hh = gh;
		hl = gl;
		gh = fh;
		gl = fl;
		fh = eh;
		fl = el;
		eh = (dh + firsth + ((fromd / two32) | 0)) | 0;
		el = fromd | 0;
		dh = ch;
		dl = cl;
		ch = bh;
		cl = bl;
		bh = ah;
		bl = al;
		ah = nexth | 0;
		al = nextl | 0;
	}
	const ends = [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl];
	for (let i = 0; i < 16; i += 2) {
		const low = ((state[i + 1] ?? 0) >>> 0) + ((ends[i + 1] ?? 0) >>> 0);
		state[i] = (state[i] ?? 0) + (ends[i] ?? 0) + ((low / two32) | 0);
		state[i + 1] = low;
	}
}

// biome-ignore format: as many as there are
type Sixteen = Iterable<number> & [
	number, number, number, number, number, number, number, number,
	number, number, number, number, number, number, number, number,
];

const two32 = 2 ** 32;

/** The first 64 bits of the fractions of the square roots of the first 8 primes. */
const initialState = [
	0x6a09e667, 0xf3bcc908, 0xbb67ae85, 0x84caa73b, 0x3c6ef372, 0xfe94f82b, 0xa54ff53a, 0x5f1d36f1, 0x510e527f,
	0xade682d1, 0x9b05688c, 0x2b3e6c1f, 0x1f83d9ab, 0xfb41bd6b, 0x5be0cd19, 0x137e2179,
];

/** The first 64 bits of the fractions of the cube roots of the first 80 primes. */
const roundConstants = [
	0x428a2f98, 0xd728ae22, 0x71374491, 0x23ef65cd, 0xb5c0fbcf, 0xec4d3b2f, 0xe9b5dba5, 0x8189dbbc, 0x3956c25b,
	0xf348b538, 0x59f111f1, 0xb605d019, 0x923f82a4, 0xaf194f9b, 0xab1c5ed5, 0xda6d8118, 0xd807aa98, 0xa3030242,
	0x12835b01, 0x45706fbe, 0x243185be, 0x4ee4b28c, 0x550c7dc3, 0xd5ffb4e2, 0x72be5d74, 0xf27b896f, 0x80deb1fe,
	0x3b1696b1, 0x9bdc06a7, 0x25c71235, 0xc19bf174, 0xcf692694, 0xe49b69c1, 0x9ef14ad2, 0xefbe4786, 0x384f25e3,
	0x0fc19dc6, 0x8b8cd5b5, 0x240ca1cc, 0x77ac9c65, 0x2de92c6f, 0x592b0275, 0x4a7484aa, 0x6ea6e483, 0x5cb0a9dc,
	0xbd41fbd4, 0x76f988da, 0x831153b5, 0x983e5152, 0xee66dfab, 0xa831c66d, 0x2db43210, 0xb00327c8, 0x98fb213f,
	0xbf597fc7, 0xbeef0ee4, 0xc6e00bf3, 0x3da88fc2, 0xd5a79147, 0x930aa725, 0x06ca6351, 0xe003826f, 0x14292967,
	0x0a0e6e70, 0x27b70a85, 0x46d22ffc, 0x2e1b2138, 0x5c26c926, 0x4d2c6dfc, 0x5ac42aed, 0x53380d13, 0x9d95b3df,
	0x650a7354, 0x8baf63de, 0x766a0abb, 0x3c77b2a8, 0x81c2c92e, 0x47edaee6, 0x92722c85, 0x1482353b, 0xa2bfe8a1,
	0x4cf10364, 0xa81a664b, 0xbc423001, 0xc24b8b70, 0xd0f89791, 0xc76c51a3, 0x0654be30, 0xd192e819, 0xd6ef5218,
	0xd6990624, 0x5565a910, 0xf40e3585, 0x5771202a, 0x106aa070, 0x32bbd1b8, 0x19a4c116, 0xb8d2d0c8, 0x1e376c08,
	0x5141ab53, 0x2748774c, 0xdf8eeb99, 0x34b0bcb5, 0xe19b48a8, 0x391c0cb3, 0xc5c95a63, 0x4ed8aa4a, 0xe3418acb,
	0x5b9cca4f, 0x7763e373, 0x682e6ff3, 0xd6b2b8a3, 0x748f82ee, 0x5defb2fc, 0x78a5636f, 0x43172f60, 0x84c87814,
	0xa1f0ab72, 0x8cc70208, 0x1a6439ec, 0x90befffa, 0x23631e28, 0xa4506ceb, 0xde82bde9, 0xbef9a3f7, 0xb2c67915,
	0xc67178f2, 0xe372532b, 0xca273ece, 0xea26619c, 0xd186b8c7, 0x21c0c207, 0xeada7dd6, 0xcde0eb1e, 0xf57d4f7f,
	0xee6ed178, 0x06f067aa, 0x72176fba, 0x0a637dc5, 0xa2c898a6, 0x113f9804, 0xbef90dae, 0x1b710b35, 0x131c471b,
	0x28db77f5, 0x23047d84, 0x32caab7b, 0x40c72493, 0x3c9ebe0a, 0x15c9bebc, 0x431d67c4, 0x9c100d4c, 0x4cc5d4be,
	0xcb3e42b6, 0x597f299c, 0xfc657e2a, 0x5fcb6fab, 0x3ad6faec, 0x6c44198c, 0x4a475817,
];
