import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWithMpi } from '../distributed/mpi.test.helper.js';
import { copyImages, sharedFolder } from './fixtures.test.helper.js';
import type { Job } from './on-ranks.test.helper.js';
import { argumentsOf, resultOf, runAlone } from './on-ranks-results.test.helper.js';

const folder = sharedFolder();

describeWithMpi('training on several ranks, each with a GPU,', ({ name, run }) => {
  // How gradients get to the GPU and back does not depend on the library.
  test.skipIf(name !== 'Open MPI')('gives the bits of a single process', async () => {
    const images = copyImages(join(folder, 'images'), { classes: 2, train: 4, val: 2 });
    const job: Job = { name: 'gpu', backend: 'webgpu', training: { epochs: 1, batchSize: 4, microBatches: 2 } };
    const [straight, out] = [join(folder, 'straight'), join(folder, 'ranks')];
    runAlone(argumentsOf(images, straight, [job]));
    const { code, stderr } = await run({ ranks: 2, args: argumentsOf(images, out, [job]) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    expect(resultOf(out, job)).toEqual(resultOf(straight, job));
  });
});
