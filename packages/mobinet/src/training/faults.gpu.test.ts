import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelTensors } from '../networks/tensors.js';
import { decodeCheckpoint } from './checkpoint.js';
import { copyImages, sharedFolder } from './fixtures.test.helper.js';

// A GPU that fails is of no use to other tests: each fails in a process of its own.

const folder = sharedFolder();

/** Trains on a GPU that fails by `fault` in the first validation. @returns What is said, and the network as it was before that. */
function trainUntil(fault: string, out: string): { message: string; weights: Record<string, number[]> } {
  const images = copyImages(join(folder, `images-${out}`), { classes: 2, train: 4, val: 3 });
  const tensor = '../../../tensor/dist';
  const [index, tensors, backends, gpu] = [
    '../index.js',
    '../networks/tensors.js',
    `${tensor}/index.js`,
    `${tensor}/backends/webgpu/gpu.js`,
  ].map((path) => JSON.stringify(new URL(path, import.meta.url)));
  const program = `
    import { useBackend } from ${backends};
    import { newRun, openImageFolder, paperTraining, train } from ${index};
    import { modelTensors } from ${tensors};
    import { gpu } from ${gpu};
    await useBackend('webgpu');
    const dataset = openImageFolder(${JSON.stringify(images)});
    const training = { ...paperTraining, batchSize: 4, resize: 32 };
    const facts = { classes: dataset.classes, trainImages: dataset.train.length };
    const current = newRun({ width: 0.0625, block: 'none', k: 0, imageSize: 32 }, training, facts);
    let weights = [];
    const onStep = ({ images }) => {
      if (images < 8) return;
      weights = Array.from(modelTensors(current.model), async ([name, x]) => [name, [...(await x.data())]]);
    };
    const onValidation = () => { ${fault} };
    const message = await train(current, dataset, { out: ${JSON.stringify(join(folder, out))}, workers: 1, onStep, onValidation }).then(
      () => 'it has not failed',
      ({ message }) => message,
    );
    console.log(JSON.stringify({ message, weights: Object.fromEntries(await Promise.all(weights)) }));`;
  // Not by `node -e`: the threads that decode images cannot be started from there.
  const file = join(folder, `${out}.mjs`);
  writeFileSync(file, program);
  return JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }));
}

describe('training on a GPU', () => {
  test('that has no memory left is saved as it was after the last step', () => {
    // The second batch of the validation, two images, is smaller than all before: it takes new buffers.
    const { message, weights } = trainUntil('gpu().device.popErrorScope = async () => ({ message: "full" });', 'full');
    const out = join(folder, 'full');
    expect(message).toMatch(
      /^out of memory with 4 images at a time: the GPU has no \d+ bytes left for .*, beside \d+ buffers\. Use --micro-batches 2 \(2 at a time\), or a smaller --batch\. The run is saved with its last step: /,
    );
    const saved = decodeCheckpoint(readFileSync(join(out, 'checkpoint.safetensors')));
    expect(saved.progress).toMatchObject({ epoch: 0, batch: 2, images: 8 });
    const found = Array.from(modelTensors(saved.model), ([name, { values }]) => [name, [...values]]);
    expect(Object.fromEntries(found)).toEqual(weights);
  }, 240_000);

  test('that is lost says what is lost with it', () => {
    const { message } = trainUntil('gpu().device.destroy();', 'lost');
    expect(message).toMatch(
      /^the GPU was lost \(destroyed\): .* What was on it is gone\. What was done since the start is lost: 2 steps$/,
    );
  }, 240_000);
});
