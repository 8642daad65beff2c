import './webgpu.js';
import { fc, test } from '@fast-check/vitest';
import { type BackendName, compile, dispose, Rng, type Tensor, toBackend, withBackend } from '@mobinet/tensor';
import { expect } from 'vitest';
import { inferenceRules } from './inference-rules.js';
import { channels, type TransformLayer, transformLayer, transformNetwork } from './transform-networks.test.helper.js';

/**
 * Few steps per layer, since each adds a binary digit to the numbers. Starting from ±0.5, no sum or product is rounded
 * anywhere.
 */
const layer = transformLayer.map((layer): TransformLayer => ({ ...layer, ops: layer.ops.slice(0, 4) }));
const round = (x: number): number => (x < 0 ? -0.5 : 0.5);

// A fixed seed and few runs, since a software adapter takes a second to compile each kernel.
test.prop([fc.array(layer, { minLength: 2, maxLength: 2 }), fc.nat()], { numRuns: 4, seed: 2 })(
  'compiled networks give the same results on a GPU as on the CPU',
  async (layers, seed) => {
    const rng = Rng.fromSeed(seed);
    const network = transformNetwork(layers, rng, round);
    const images = rng.split('images').normal([2, 5, 6, channels]);
    for (const [at, value] of images.values.entries()) images.values[at] = round(value);
    const resultsOn = (backend: BackendName): Promise<Float32Array[]> =>
      withBackend(backend, () => {
        const ready = compile((x) => network(x as Tensor), [images], { rules: inferenceRules });
        expect(ready.program.calls.some((call) => call.kind === 'op' && call.op.name === 'outputTransform')).toBe(true);
        const input = toBackend(images);
        const found = ready.run([input]) as Tensor[];
        const values = Promise.all(found.map((x) => x.data()));
        ready.dispose();
        dispose([found, input]);
        return values;
      });
    // Adding 0 turns −0 into +0.
    const [found, expected] = (await Promise.all((['webgpu', 'cpu'] as const).map(resultsOn))).map((all) =>
      all.map((values) => Array.from(values, (value) => value + 0)),
    );
    expect(found).toEqual(expected);
  },
);
