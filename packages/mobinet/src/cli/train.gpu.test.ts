import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny } from './cli.test.helper.js';

const folder = sharedFolder();
const { cli } = commandLineIn(folder);

test('a network is trained on a GPU, packed and verified from the command line', async () => {
  const images = copyImages(join(folder, 'images'));
  const flags = [...tiny, '--data', images, '--limit', '16', '--epochs', '1', '--device', 'webgpu', '--out', 'run'];
  const { code, stdout, stderr } = await cli(['train', ...flags]);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/^computing on the GPU: /m);
  expect(stdout).toMatch(/^check {3}logits of the saved file differ by at most 0 over \d+ images$/m);
  expect(existsSync(join(folder, 'run/report.html'))).toBe(true);
});
