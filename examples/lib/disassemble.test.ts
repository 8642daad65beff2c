import { add, bitMatmul, conv2d, matmul, packBits, prelu, Rng, sum, tidy } from '@mobinet/tensor';
import { watchKernels } from '@mobinet/tensor/kernels';
import { expect, test } from 'vitest';
import openWabt from 'wabt';
import { disassemble } from './disassemble.js';

/** The modules of the kernels that some operations run. */
function someKernels(): Map<string, Uint8Array> {
  const kernels = new Map<string, Uint8Array>();
  watchKernels((name, bytes) => kernels.set(name, bytes));
  tidy(() => {
    const rng = Rng.fromSeed(1);
    const [x, image] = [rng.normal([40, 50]), rng.normal([2, 8, 8, 8])];
    add(matmul(x, x, { transposeB: true }), sum(x));
    prelu(image, rng.normal([8]));
    conv2d(image, rng.normal([8, 3, 3, 1]), { groups: 8 });
    bitMatmul(packBits(x), packBits(x));
  });
  watchKernels(null);
  return kernels;
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
  expect(kernels.size).toBeGreaterThan(5);
  for (const [name, bytes] of kernels) {
    const module = wabt.readWasm(bytes, { readDebugNames: true, simd: true, threads: true, relaxed_simd: true });
    module.applyNames();
    const expected = instructionsIn(module.toText({ foldExprs: false, inlineExport: true }));
    module.destroy();
    const found = disassemble(bytes).map(({ text }) => text.replace(/^(br\w*) .*$/, '$1'));
    expect.soft(found, name).toEqual(expected);
  }
});
