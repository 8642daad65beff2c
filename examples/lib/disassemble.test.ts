import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import openWabt from 'wabt';
import { disassemble } from './disassemble.js';

/** Prints the modules of the kernels that some operations run, in a process of its own, since each is made only once. */
const program = `
  import { add, bitMatmul, conv2d, matmul, packBits, prelu, Rng, sum, tidy } from '@mobinet/tensor';
  import { watchKernels } from '@mobinet/tensor/kernels';

  const kernels = {};
  watchKernels((name, bytes) => { kernels[name] = Buffer.from(bytes).toString('base64'); });
  tidy(() => {
    const rng = Rng.fromSeed(1);
    const [x, image] = [rng.normal([40, 50]), rng.normal([2, 8, 8, 8])];
    add(matmul(x, x, { transposeB: true }), sum(x));
    prelu(image, rng.normal([8]));
    conv2d(image, rng.normal([8, 3, 3, 1]), { groups: 8 });
    bitMatmul(packBits(x), packBits(x));
  });
  console.log(JSON.stringify(kernels));`;

function someKernels(): [name: string, bytes: Uint8Array][] {
  const args = ['--input-type=module', '--eval', program];
  const output = execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' });
  const kernels = JSON.parse(output) as Record<string, string>;
  return Object.entries(kernels).map(([name, bytes]) => [name, new Uint8Array(Buffer.from(bytes, 'base64'))]);
}

/** The instructions in the text of WABT, one per line, in the notation of `disassemble`. */
function instructionsIn(text: string): string[] {
  const [, body] = /\n {4}\(local .*\n([\s\S]*)\)\)\n$/.exec(text)!;
  return body.split('\n').map((line) =>
    line
      .trim()
      .replace(/^(block|loop|if) .*$/, '$1')
      .replace(/^(br\w*) .*$/, '$1')
      .replace(' align=1', '')
      .replace(/ 0x[^ ]+ \(;=(.*);\)$/, ' $1')
      .replace(/^(v128\.const) i32x4 (.*)$/, (_, name, words: string) => {
        return `${name} ${new Uint8Array(Uint32Array.from(words.split(' '), Number).buffer).join(' ')}`;
      })
      .replace('$', ''),
  );
}

test('gives the instructions that WABT gives', async () => {
  const wabt = await openWabt();
  const kernels = someKernels();
  expect(kernels.length).toBeGreaterThan(5);
  for (const [name, bytes] of kernels) {
    const module = wabt.readWasm(bytes, { readDebugNames: true, simd: true, threads: true, relaxed_simd: true });
    module.applyNames();
    const expected = instructionsIn(module.toText({ foldExprs: false, inlineExport: true }));
    module.destroy();
    const found = disassemble(bytes).map(({ text }) => text.replace(/^(br\w*) .*$/, '$1'));
    expect.soft(found, name).toEqual(expected);
  }
});
