import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelTensors } from '../networks/tensors.js';
import { decodeCheckpoint } from './checkpoint.js';
import { copyImages, sharedFolder } from './fixtures.test.helper.js';

// Other tests cannot use a GPU that has failed, so each of these runs in a process of its own.

const folder = sharedFolder();

/**
 * Trains on a GPU until the code `fault` breaks it in the first validation.
 *
 * @returns The error message, and the weights before it.
 */
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
      () => 'training did not fail',
      ({ message }) => message,
    );
    console.log(JSON.stringify({ message, weights: Object.fromEntries(await Promise.all(weights)) }));`;
  // A file, since threads that decode images cannot be started from `node -e`.
  const file = join(folder, `${out}.mjs`);
  writeFileSync(file, program);
  return JSON.parse(execFileSync(process.execPath, ['--conditions=mobinet-unbundled', file], { encoding: 'utf8' }));
}

describe('training on a GPU', () => {
  test('that runs out of memory is saved as after the last step', () => {
    // The second batch of the validation, of two images, is smaller than all earlier ones, so it needs new buffers.
    const { message, weights } = trainUntil('gpu().device.popErrorScope = async () => ({ message: "full" });', 'full');
    const out = join(folder, 'full');
    expect(message).toMatch(
      /^out of memory with 4 images at a time: the GPU cannot allocate \d+ bytes for .* in addition to \d+ buffers\. Use --micro-batches 2 \(2 at a time\), or a smaller --batch\. The run was saved after its last step\. /,
    );
    const saved = decodeCheckpoint(readFileSync(join(out, 'checkpoint.safetensors')));
    expect(saved.progress).toMatchObject({ epoch: 0, batch: 2, images: 8 });
    const found = Array.from(modelTensors(saved.model), ([name, { values }]) => [name, [...values]]);
    expect(Object.fromEntries(found)).toEqual(weights);
  }, 240_000);

  test('that is lost reports which steps are lost', () => {
    const { message } = trainUntil('gpu().device.destroy();', 'lost');
    expect(message).toMatch(
      /^the GPU was lost \(destroyed\): .* Its contents are lost\. Lost 2 steps since the start$/,
    );
  }, 240_000);
});
