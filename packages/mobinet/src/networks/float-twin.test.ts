import { Sequential } from '@mobinet/autograd';
import { expect, test } from 'vitest';
import { floatTwinOf } from './float-twin.js';
import { mobinet } from './mobinet/network.js';
import { defineNetwork } from './network.js';

test('the float twin of a network differs only in its precision', () => {
  const options = mobinet.resolve({ width: 0.5, k: 2 });
  expect(floatTwinOf(mobinet, options)).toEqual({ ...options, precision: 'float' });
});

test('a float network has no float twin, nor has one without the choice', () => {
  expect(() => floatTwinOf(mobinet, mobinet.resolve({ precision: 'float' }))).toThrow(
    /^the network is a float network itself, so it has no float twin\. Leave out --precision float$/,
  );
  const precision = { help: '', default: 'binary', choices: ['binary', 'ternary'] } as const;
  for (const options of [{}, { precision }]) {
    const network = defineNetwork({ name: 'own', options, make: () => new Sequential() });
    expect(() => floatTwinOf(network, network.resolve({}))).toThrow(
      /^the network own has no float twin: it lacks an option precision with the choice float$/,
    );
  }
});
