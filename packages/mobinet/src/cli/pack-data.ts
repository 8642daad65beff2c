import { join } from 'node:path';
import { Command } from 'commander';
import { openImageFolder, openValidationFolder } from '../data/image-folder.js';
import { resizeRange } from '../data/prepare.js';
import type { ImageSource } from '../data/source.js';
import { type PackResult, packShards, qualityRange } from '../shards/pack-shards.js';
import { addLoadingFlags, jsonFlag, type LoadingFlags, loadingOf } from './flags.js';
import { ImageProgress } from './image-progress.js';
import { numberIn, wholeNumber } from './number-flags.js';
import { printJson, printResult, say } from './output.js';
import { interruptible } from './program.js';

interface PackFlags extends LoadingFlags {
  out: string;
  resize: number;
  quality: number;
  shardSize: number;
  json?: boolean;
}

/** `mobinet pack-data`: packs an image folder into shards. */
export function packDataCommand(): Command {
  const command = new Command('pack-data')
    .description('pack an image folder into shards: tar archives of scaled JPEGs, and an index')
    .argument('<folder>', 'image folder with train/<class>/* and val/<class>/*, or with <class>/* only')
    .requiredOption('--out <folder>', 'folder for the shards, of each split or of all images')
    .option('--resize <pixels>', 'scale the shorter side of images to this', numberIn(resizeRange), 256)
    .option('--quality <number>', 'quality of the JPEGs, from 1 to 100', numberIn(qualityRange), 90)
    .option('--shard-size <megabytes>', 'size of a shard, which is written from memory', wholeNumber(1, 2000), 100);
  return addLoadingFlags(command)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Shards have the layout of WebDataset: KEY.jpg and KEY.cls, the number of the class, for each image. An index beside
them, index.json, has the names of the classes, and the place and checksum of each image. Images are rotated as their
EXIF orientation says, and shuffled.

Ctrl-C keeps the shards that are complete. The same command continues.

Example:
  mobinet pack-data photos --out shards && mobinet train --data shards --out runs/photos`,
    )
    .action(runPacking);
}

async function runPacking(folder: string, flags: PackFlags): Promise<void> {
  if (flags.out === '') throw new RangeError('the name of the output folder is empty');
  const sets = openSets(folder, flags);
  const { signal, release } = interruptible('stopping …');
  const results: PackResult[] = [];
  try {
    for (const set of sets) results.push(await packSet(set, flags, signal));
  } finally {
    release();
  }
  if (flags.json) return printJson(Object.fromEntries(sets.map(({ out }, i) => [out, results[i]])));
  printResult(...sets.map(({ out }, i) => `${out}: ${describe(results[i])}`));
}

/** The images of each split, or all images of a folder without splits. */
function openSets(folder: string, { out, maxSkipped }: PackFlags): ImageSet[] {
  const warnings: string[] = [];
  const options = { maxSkipped, onWarning: (message: string) => void warnings.push(`warning: ${message}`) };
  const { isUnsplit, val, classes } = openValidationFolder(folder, options);
  if (isUnsplit) {
    say(...warnings);
    return [{ out, source: val, classes }];
  }
  // Warns of val again, together with train.
  warnings.length = 0;
  const dataset = openImageFolder(folder, options);
  say(...warnings);
  return (['train', 'val'] as const).map((split) => ({ out: join(out, split), source: dataset[split], classes }));
}

/** Images that become a folder of shards. */
interface ImageSet {
  readonly out: string;
  readonly source: ImageSource;
  readonly classes: readonly string[];
}

async function packSet({ out, source, classes }: ImageSet, flags: PackFlags, signal: AbortSignal): Promise<PackResult> {
  const progress = new ImageProgress();
  const { resize, quality, shardSize } = flags;
  const options = {
    ...{ resize, quality, shardBytes: 1e6 * shardSize, signal },
    ...loadingOf(flags),
    onWarning: (message: string) => {
      progress.stop();
      say(`warning: ${message}`);
    },
    onContinue: (done: PackResult) => {
      const isComplete = done.images + done.skipped === source.length;
      say(isComplete ? `${out} is complete already` : `continuing ${out}, which has ${describe(done)}`);
    },
    onProgress: (images: number) => progress.show(`packing ${out}`, images, source.length),
  };
  return packShards(source, classes, out, options).finally(() => progress.stop());
}

const describe = ({ images, skipped, shards, bytes }: PackResult): string =>
  `${images} images in ${shards === 1 ? '1 shard' : `${shards} shards`}, ${(bytes / 1e6).toFixed(1)} MB${skipped > 0 ? ` (${skipped} images skipped)` : ''}`;
