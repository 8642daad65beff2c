const extension = 0x21;
const imageDescriptor = 0x2c;
const trailer = 0x3b;

/**
 * A GIF cut off after its first frame. A decoder that unpacks every frame of a long animation would need gigabytes
 * for pixels that nobody looks at.
 *
 * The format (GIF89a specification, W3C): a header of 13 bytes, maybe a colour table, then blocks; those that matter
 * here end in sub-blocks, each with its length in front, the last of length 0.
 *
 * @throws Error if there is no whole first frame, or if it reaches beyond the picture.
 */
export function firstFrame(gif: Buffer): Buffer {
  let at = 13 + colorTableBytes(gif[10]);
  while (gif[at] === extension) at = skipSubBlocks(gif, at + 2);
  if (gif[at] !== imageDescriptor || gif.length < at + 11) throw new Error('it has no frame');
  const [left, top, width, height] = [1, 3, 5, 7].map((field) => gif.readUInt16LE(at + field));
  if (left + width > gif.readUInt16LE(6) || top + height > gif.readUInt16LE(8)) {
    throw new Error('its first frame is larger than the picture');
  }
  const end = skipSubBlocks(gif, at + 11 + colorTableBytes(gif[at + 9]));
  return Buffer.concat([gif.subarray(0, end), Buffer.of(trailer)]);
}

/** The top bit of the flags says whether there is a colour table, the low three how long it is. */
function colorTableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

function skipSubBlocks(gif: Buffer, at: number): number {
  while (at < gif.length) {
    if (gif[at] === 0) return at + 1;
    at += 1 + gif[at];
  }
  throw new Error('it is truncated');
}
