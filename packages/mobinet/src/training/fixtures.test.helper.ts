import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors, dispose, setThreads, threadCount } from '@mobinet/tensor';
import { afterAll, beforeAll } from 'vitest';
import { MoBiNet } from '../networks/mobinet/mobinet.js';
import type { TrainingRun } from './run.js';

const embedded = fileURLToPath(new URL('../../../../examples/data/fashion-mnist-subset', import.meta.url));

/** A temporary folder, which is removed after the tests of the file. */
export function sharedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mobinet-run-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Runs the tests of the file on one thread. Small networks would spend more time waiting for threads than computing.
 */
export function useOneThread(): void {
  const threads = threadCount();
  beforeAll(() => setThreads(1));
  afterAll(() => setThreads(threads));
}

/** Copies a few of the embedded images to `folder`: the first ones of the first classes. */
export function copyImages(folder: string, { classes = 3, train = 8, val = 4 } = {}): string {
  const names = readdirSync(join(embedded, 'train')).sort().slice(0, classes);
  for (const [split, count] of [
    ['train', train],
    ['val', val],
  ] as const) {
    for (const name of names) {
      mkdirSync(join(folder, split, name), { recursive: true });
      const files = readdirSync(join(embedded, split, name))
        .sort()
        .slice(0, count);
      for (const file of files) cpSync(join(embedded, split, name, file), join(folder, split, name, file));
    }
  }
  return folder;
}

/** The contents of a checkpoint, except times and the image decoder: every bit of its tensors, and its progress. */
export function contentsOf(checkpoint: Uint8Array): unknown {
  const { tensors, metadata } = decodeSafetensors(checkpoint);
  const bits = [...tensors].map(([name, { values }]) => [
    name,
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
  ]);
  dispose(tensors);
  const run = JSON.parse(metadata.run, (key, value) =>
    /^(seconds|imagesPerSecond|decoder)$/.test(key) ? undefined : value,
  );
  return { bits, run, options: metadata.options };
}

/** Disposes a run. */
export { disposeRun as free } from './run.js';

/** The network of a run of the default kind. */
export function mobinetOf({ model }: TrainingRun): MoBiNet {
  if (model instanceof MoBiNet) return model;
  throw new Error('not a MoBiNet');
}
