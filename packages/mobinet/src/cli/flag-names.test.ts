import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { mobinet } from '../networks/mobinet/network.js';
import { defineNetwork } from '../networks/network.js';
import { imageOptions } from '../networks/options.js';
import { programOf } from './main.js';

/** The names under which Commander stores the values of a command's options. */
const namesOf = (command: Command): string[] =>
  command.commands.flatMap((each) => each.options.map((option) => option.attributeName())).concat('help', 'version');

test('no option of a network can take the name of a flag', async () => {
  const own = new Set([...Object.keys(mobinet.options), 'size']);
  const names = new Set(namesOf(await programOf(mobinet)).filter((name) => !own.has(name)));
  expect(names.size).toBeGreaterThan(30);
  const option = { help: '', default: 1, range: {} };
  const allowed = [...names].filter((name) => {
    try {
      defineNetwork({ name: 'x', options: { [name]: option }, make: () => null as never });
      return true;
    } catch {
      return false;
    }
  });
  expect(allowed).toEqual([]);
  expect(Object.keys(imageOptions)).toEqual(['classes', 'imageSize', 'seed']);
});
