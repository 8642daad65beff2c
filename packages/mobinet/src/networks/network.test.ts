import { Linear, type Module, Sequential } from '@mobinet/autograd';
import { assign, ones, Rng, wholeNumbers, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '../training/checkpoint.js';
import { paperTraining } from '../training/options.js';
import { newRun } from '../training/run.js';
import { mobinet } from './mobinet/network.js';
import { defineNetwork, networkNamed, registerNetwork } from './network.js';

const make = () => new Sequential();
const width = { help: 'channels', default: 8, range: wholeNumbers(1, 64) };

describe('the definition of a network', () => {
  const wrong: [what: string, definition: unknown, message: RegExp][] = [
    ['nothing', undefined, /^defineNetwork: the definition must be an object, not undefined$/],
    ['no name', { make }, /^defineNetwork: the name must be letters, digits, - and _, not undefined$/],
    ['no function', { name: 'x' }, /^defineNetwork: make: needs a function, not undefined$/],
    ['options that are a number', { name: 'x', make, options: 5 }, /^the options of x must be an object, not 5$/],
    [
      'an option that is null',
      { name: 'x', make, options: { width: null } },
      /^option "width" of x must be an object, not null$/,
    ],
    [
      'no help',
      { name: 'x', make, options: { width: { ...width, help: undefined } } },
      /^option "width" of x: help must be a string/,
    ],
    [
      'no range',
      { name: 'x', make, options: { width: { help: '', default: 1 } } },
      /^option "width" of x: range must be an object/,
    ],
    [
      'a default outside its range',
      { name: 'x', make, options: { width: { ...width, default: 65 } } },
      /^option "width" of x: default must be a whole number from 1 to 64, not 65$/,
    ],
    [
      'a default that is not among the choices',
      { name: 'x', make, options: { kind: { help: '', default: 'c', choices: ['a', 'b'] } } },
      /default must be one of a, b, not "c"$/,
    ],
    [
      'choices that are not a list',
      { name: 'x', make, options: { kind: { help: '', default: 'c', choices: 'abc' } } },
      /^option "kind" of x: choices: needs a list/,
    ],
    ...['data', 'json', 'lr', 'version', 'noFlip', 'constructor', 'toString', 'a b', 'Width', ''].map(
      (name): [string, unknown, RegExp] => [
        `an option called "${name}"`,
        { name: 'x', make, options: { [name]: width } },
        /becomes a command-line flag, so its name must be/,
      ],
    ),
    ['presets that are null', { name: 'x', make, presets: null }, /^the presets of x must be an object, not null$/],
    [
      'a preset that is a number',
      { name: 'x', make, presets: { small: 3 } },
      /^the options of x must be an object, not 3$/,
    ],
    [
      'a preset with unknown options',
      { name: 'x', make, presets: { small: { depth: 3 } } },
      /^x has no option "depth"/,
    ],
  ];

  test.each(wrong)('with %s is refused in one line', (_, definition, message) => {
    expect(() => defineNetwork(definition as never)).toThrow(message);
  });

  test('is registered under a unique name', () => {
    const own = registerNetwork(defineNetwork({ name: 'own', make }));
    expect(registerNetwork(own)).toBe(own);
    expect(networkNamed('own')).toBe(own);
    expect(() => registerNetwork(defineNetwork({ name: 'mobinet', make }))).toThrow(
      'another network is registered as "mobinet". Choose a different name',
    );
    expect(networkNamed('mobinet')).toBe(mobinet);
    expect(() => registerNetwork({} as never)).toThrow('a network must be made by defineNetwork, not {}');
    expect(() => registerNetwork({ ...own, name: 'copy' })).toThrow('was defined with another copy of this library');
  });
});

describe('a run', () => {
  const data = { classes: ['a', 'b'], trainImages: 8 };
  const layer = () => new Linear(3, 2, { rng: Rng.fromSeed(0) });

  const wrong: [what: string, make: () => unknown, message: RegExp][] = [
    ['no module', () => 5, /^odd: make must return a Module of @mobinet\/autograd, not 5$/],
    ['a promise', async () => layer(), /^odd: make must return a Module .* not a Promise$/],
    [
      'the same module each time',
      (
        (shared) => () =>
          shared
      )(layer()),
      /^odd: make must return a new Module each time$/,
    ],
    [
      'a module by writing elements',
      () => {
        const made = layer();
        made.weight.values.fill(1);
        return made;
      },
      /^odd: make reads elements of tensors, but it is also called without memory/,
    ],
  ];

  test.each(wrong)('of a network that makes %s is refused before it starts', (_, make, message) => {
    const network = defineNetwork({ name: 'odd', make: make as () => Module });
    expect(() => newRun({}, paperTraining, { ...data, network })).toThrow(message);
  });

  test('of a network that fills its tensors with assign can be restored', () => {
    const network = registerNetwork(
      defineNetwork({
        name: 'filled',
        make() {
          const made = layer();
          assign(made.weight, ones([2, 3]));
          return made;
        },
      }),
    );
    const run = newRun({}, paperTraining, { ...data, network });
    assign(run.model.parameters().get('weight')!, zeros([2, 3]));
    const again = decodeCheckpoint(encodeCheckpoint(run));
    expect(again.network).toBe(network);
    expect([...again.model.parameters().get('weight')!.values]).toEqual([0, 0, 0, 0, 0, 0]);
    for (const { model, optimizer } of [run, again]) {
      model.dispose();
      optimizer.dispose();
    }
  });
});
