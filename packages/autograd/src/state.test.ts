import {
  add,
  DisposedError,
  decodeSafetensors,
  encodeSafetensors,
  FormatError,
  memory,
  ones,
  Rng,
  type Tensor,
  tensor,
  zeros,
} from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { BatchNorm2d } from './layers/batch-norm.js';
import { Linear } from './layers/linear.js';
import { type AnyModule, Module } from './module.js';
import { Parameter } from './parameter.js';
import { loadState, saveState } from './state.js';
import { stateTensors } from './state-tensors.js';

/** A module of two inputs, with tied weights, running statistics and state of integers. */
class Net extends Module<[Tensor, Tensor]> {
  readonly encoder: Linear;
  readonly decoder: Linear;
  readonly norm: BatchNorm2d;
  readonly seen = tensor([0, 0], { dtype: 'i32' });

  constructor(seed: number, { width = 3 } = {}) {
    super();
    const rng = Rng.fromSeed(seed);
    this.encoder = new Linear(2, width, { rng });
    this.decoder = this.encoder;
    this.norm = new BatchNorm2d(width);
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    return this.norm.forward(add(this.encoder.forward(a), this.decoder.forward(b)));
  }
}

/** A network whose tensors all have other values than those of a new one. */
function trained(): Net {
  const net = new Net(1);
  net.forward(Rng.fromSeed(4).normal([5, 2]), ones([5, 2]));
  net.seen.values.set([7, 8]);
  return net;
}

const bitsOf = (module: AnyModule) =>
  Array.from(stateTensors(module), ([name, { values }]) => [name, [...new Uint8Array(values.slice().buffer)]]);

const messageOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

describe('saveState and loadState', () => {
  test('restore parameters, statistics and integers of any module, bit for bit, and leak nothing', () => {
    const [saved, fresh] = [trained(), new Net(2)];
    const before = memory();
    const bytes = saveState(saved);
    expect([...decodeSafetensors(bytes).tensors.keys()]).toEqual([
      'encoder.weight',
      'encoder.bias',
      'norm.gamma',
      'norm.beta',
      'norm.runningMean',
      'norm.runningVariance',
      'seen',
    ]);
    expect(bitsOf(fresh)).not.toEqual(bitsOf(saved));
    const held = memory().tensors;
    expect(loadState(fresh, bytes)).toEqual({ missing: [], extra: [] });
    expect(memory().tensors).toBe(held);
    expect(bitsOf(fresh)).toEqual(bitsOf(saved));
    expect(fresh.decoder.weight).toBe(fresh.encoder.weight);
    expect(saveState(fresh)).toEqual(bytes);
    // Decoding above made the seven tensors of the file.
    expect(memory().tensors - before.tensors).toBe(7);
    fresh.dispose();
    expect(memory().tensors - before.tensors).toBe(0);
  });

  test('one error lists everything that does not fit, and nothing changes', () => {
    const { tensors } = decodeSafetensors(saveState(trained()));
    tensors.delete('norm.beta');
    tensors.set('encoder.weight', zeros([2, 3]));
    tensors.set('seen', zeros([2]));
    tensors.set('head\n.weight', zeros([4]));
    tensors.set('head.bias', zeros([4]));
    const net = new Net(2);
    const before = bitsOf(net);
    expect(messageOf(() => loadState(net, encodeSafetensors(tensors), { source: 'net.safetensors' }))).toBe(
      'net.safetensors: tensor encoder.weight is f32 [2,3], but the network has f32 [3,2]; ' +
        'tensor seen is f32 [2], but the network has i32 [2]; tensor norm.beta is missing; ' +
        'tensors head .weight and head.bias do not belong to this network. ' +
        'Make the Net with the options that the saved one had',
    );
    expect(bitsOf(net)).toEqual(before);
  });

  test('a long list is shortened', () => {
    class Many extends Module {
      readonly all: readonly Parameter[];

      constructor(size: number) {
        super();
        this.all = Array.from({ length: 20 }, () => new Parameter(zeros([size])));
      }

      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const bytes = saveState(new Many(2));
    const resized = messageOf(() => loadState(new Many(3), bytes));
    expect(resized).toMatch(/tensor all\.7 is f32 \[2\], but the network has f32 \[3\]; 12 more have another dtype/);
    const missing = messageOf(() => loadState(new Many(2), encodeSafetensors({})));
    expect(missing).toMatch(/^loadState: tensors all\.0, .*, all\.7 and 12 more are missing\. Make the Many with/);
    expect(missing).toMatch(/, or pass strict: false to load what both have$/);
  });

  test('with strict: false, what only one of both has is left alone and reported, but the rest must fit', () => {
    const saved = trained();
    const { tensors } = decodeSafetensors(saveState(saved));
    tensors.delete('norm.gamma');
    tensors.set('head.bias', zeros([4]));
    const net = new Net(2);
    net.norm.gamma.values.fill(0.5);
    const result = loadState(net, encodeSafetensors(tensors), { strict: false });
    expect(result).toEqual({ missing: ['norm.gamma'], extra: ['head.bias'] });
    expect([...net.norm.gamma.values]).toEqual([0.5, 0.5, 0.5]);
    expect([...net.encoder.weight.values]).toEqual([...saved.encoder.weight.values]);

    const wide = new Net(2, { width: 4 });
    const before = bitsOf(wide);
    expect(messageOf(() => loadState(wide, encodeSafetensors(tensors), { strict: false }))).toMatch(
      /^loadState: tensor encoder\.weight is f32 \[3,2\], but the network has f32 \[4,2\]; [^;]*encoder\.bias .*saved one had$/,
    );
    expect(bitsOf(wide)).toEqual(before);
  });

  test('refuse what is not a module, not a file, or was disposed, and change nothing', () => {
    const bytes = saveState(trained());
    expect(() => saveState({} as never)).toThrow(/^saveState: needs a module, not \{\}$/);
    expect(() => loadState(bytes as never, bytes)).toThrow(/^loadState: needs a module, not an? \w*Uint8Array$/);
    expect(() => loadState(new Net(2), bytes.subarray(9), { source: 'net' })).toThrow(FormatError);
    expect(() => loadState(new Net(2), 'net.safetensors' as never)).toThrow(TypeError);
    expect(() => loadState(new Net(2), bytes, { partial: true } as never)).toThrow(
      /^loadState has no option "partial"\. Its options are strict, source$/,
    );
    const net = new Net(2);
    const before = [...net.encoder.weight.values];
    net.norm.beta.dispose();
    expect(() => loadState(net, bytes)).toThrow(DisposedError);
    expect([...net.encoder.weight.values]).toEqual(before);
  });
});
