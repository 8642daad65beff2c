import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);

/** The numbered examples, and the output that each must end with. They throw if the results they compare disagree. */
const lastOutput: Record<string, RegExp> = {
  '01-scalar-chain-rule': /^All three agree\.$/m,
  '02-linear-regression': /^tensors left in memory: 0$/m,
  '03-xnor-popcount': /^20 floats take 80 bytes, 20 signs 4:/m,
  '04-straight-through': /^approx +\d\.\d{4} +\d\.\d{4} +\d+$/m,
  '05-train-in-code': /^the first image shows: [\w-]+; predicted: [\w-]+$/m,
  '06-your-own-network': /^as ONNX: [\d,]+ bytes$/m,
};

describe('examples', () => {
  test.for(Object.entries(lastOutput))('%s runs', async ([name, expected]) => {
    const { stdout, stderr } = await run(process.execPath, [join(import.meta.dirname, `${name}.js`)]);
    expect(stdout).toMatch(expected);
    expect(stderr).toBe('');
  });

  test('all numbered examples are tested', () => {
    const files = readdirSync(import.meta.dirname).filter(
      (file) => /^\d\d-.*\.ts$/.test(file) && !file.endsWith('.d.ts'),
    );
    expect(files.sort()).toEqual(Object.keys(lastOutput).map((name) => `${name}.ts`));
  });
});
