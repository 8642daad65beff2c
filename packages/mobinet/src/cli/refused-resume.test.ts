import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny } from './cli.test.helper.js';

const folder = sharedFolder();
const { ask } = commandLineIn(folder);

test('a run that cannot be resumed prints its error and nothing of how it would have continued', async () => {
  const [data, out] = [copyImages(join(folder, 'images')), join(folder, 'run')];
  const { code, stderr } = await ask(['train', '--data', data, ...tiny, '--epochs', '1', '--out', out]);
  expect(code, stderr).toBe(0);
  const refused = await ask(['train', '--resume', out, '--epochs', '3', '--limit', '3']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^error: the data has 3 training images, but [^\n]*\n$/);
});
