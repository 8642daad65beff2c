import { join } from 'node:path';
import type { ShardIndex } from './shard-index.js';

/** All images of a folder of shards, in the order of the shards, in compact arrays with one entry per image. */
export interface Catalog {
  readonly folder: string;
  /** The paths of the shards. */
  readonly shards: readonly string[];
  readonly names: readonly string[];
  readonly labels: Uint32Array;
  /** The shard of each image, as an index into `shards`. */
  readonly shard: Uint32Array;
  /** Where its bytes begin in the shard. */
  readonly start: Float64Array;
  readonly length: Uint32Array;
  /** The CRC-32 of each image; null if unknown. */
  readonly checksum: Uint32Array | null;
}

/** Makes a catalog of an index. */
export function catalogOf(folder: string, { shards }: ShardIndex): Catalog {
  const all = <T>(list: (shard: ShardIndex['shards'][number]) => readonly T[]): T[] => shards.flatMap(list);
  const hasChecksums = shards.every(({ checksums }) => checksums !== undefined);
  return {
    folder,
    shards: shards.map(({ file }) => join(folder, file)),
    names: all(({ names }) => names),
    labels: Uint32Array.from(all(({ labels }) => labels)),
    shard: Uint32Array.from(shards.flatMap(({ names }, shard) => names.map(() => shard))),
    start: Float64Array.from(all(({ starts }) => starts)),
    length: Uint32Array.from(all(({ lengths }) => lengths)),
    checksum: hasChecksums ? Uint32Array.from(all(({ checksums }) => checksums!)) : null,
  };
}

/** What messages call an image: its shard, and its name in it. */
export const imageName = ({ shards, shard, names }: Catalog, position: number): string =>
  `${shards[shard[position]]}[${names[position]}]`;
