import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '@mobinet/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import { packModel } from '../export/pack.js';
import { encodeCheckpoint } from './checkpoint.js';
import { exportOptionsOf, readCheckpoint, readModel, readPackedBytes } from './files.js';
import { paperTraining } from './options.js';
import { newRun } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'mobinet-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makeFolder(name: string, files: Record<string, Uint8Array | string>): string {
  mkdirSync(join(folder, name));
  for (const [file, contents] of Object.entries(files)) writeFileSync(join(folder, name, file), contents);
  return join(folder, name);
}

describe('readModel', () => {
  const run = newRun({ width: 0.0625, k: 1, imageSize: 32 }, paperTraining, { classes: ['a', 'b'], trainImages: 4 });
  const checkpoint = encodeCheckpoint(run);
  const packed = packModel(run.model, exportOptionsOf(run));
  const finished = makeFolder('finished', {
    'checkpoint.safetensors': checkpoint,
    'model.mobinet.safetensors': packed,
    // The names of files do not matter.
    'packed.checkpoint.safetensors': packed,
    'renamed.bin': checkpoint,
  });
  const stopped = makeFolder('stopped', { 'checkpoint.safetensors': checkpoint });
  const other = makeFolder('other', { 'notes.txt': '' });

  test('reads what the file contains, and from a folder the packed model, else the checkpoint', async () => {
    for (const name of ['', 'model.mobinet.safetensors', 'packed.checkpoint.safetensors']) {
      expect(await readModel(join(finished, name))).toMatchObject({ packed: Buffer.from(packed) });
    }
    for (const path of [stopped, join(finished, 'checkpoint.safetensors'), join(finished, 'renamed.bin')]) {
      expect(await readModel(path)).toMatchObject({ run: { classes: ['a', 'b'] } });
      expect(Buffer.from((await readPackedBytes(path)).bytes).equals(packed)).toBe(true);
    }
  });

  test('reports a missing or wrong file in one line, with a remedy', async () => {
    await expect(readModel(other)).rejects.toThrow(
      `${other} is a folder without model.mobinet.safetensors or checkpoint.safetensors. Pass a run folder or a model`,
    );
    const model = join(finished, 'model.mobinet.safetensors');
    await expect(readCheckpoint(model)).rejects.toThrow(
      new FormatError(
        `${model}: not a training checkpoint, but a packed model. ` +
          'Packed models cannot be trained further: pass the run folder or its checkpoint',
      ),
    );
  });
});
