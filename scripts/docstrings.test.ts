import { afterAll, describe, expect, test } from 'vitest';
import { CodeBlocks, expectedLines } from './lib/code-blocks.js';
import { operationNotes } from './lib/operation-notes.js';
import { PublicApi, packageNames } from './lib/public-api.js';

/**
 * Checks the docstrings of everything that the packages export, and runs their examples: every `ts` block under
 * `@example` is compiled with the project's settings and executed, and must print the lines of its comments `// → …`.
 */
const api = new PublicApi();
const names = Object.fromEntries(packageNames.map((name) => [name, api.namesOf(name)]));

/** The smallest share of functions, classes and constants with an example. */
const requiredShare = 0.8;

/** A shape such as [batch, classes], or words about one. */
const saysShapes = /element by element|\bshapes?\b|\[[^\]]+\]|\bscalar\b/;

describe.each(packageNames)('the docstrings of packages/%s', (packageName) => {
  test('are complete', () => {
    // Several classes may have one base class.
    const places = new Set(names[packageName].flatMap(({ undocumented }) => undocumented));
    expect([...places].join('\n')).toBe('');
  });

  test('describe all parameters or none, and options by their fields', () => {
    expect(names[packageName].flatMap(({ undescribed }) => undescribed).join('\n')).toBe('');
  });

  test('say what is thrown', () => {
    expect(names[packageName].flatMap(({ unstatedErrors }) => unstatedErrors).join('\n')).toBe('');
  });

  test('have examples', () => {
    const values = names[packageName].filter(({ isValue }) => isValue);
    expect(values).not.toHaveLength(0);
    const missing = values.filter(({ examples }) => examples.length === 0);
    const share = 1 - missing.length / values.length;
    console.log(`${packageName}: ${values.length - missing.length} of ${values.length} values have an example`);
    const places = share < requiredShare ? missing.map(({ place, name }) => `${place} ${name}: no example`) : [];
    expect(places.join('\n')).toBe('');
  });
});

test('the docstrings of operations say the shapes', () => {
  const operations = Object.values(names)
    .flat()
    .filter(({ name, place }) => name in operationNotes && !place.includes('/wasm/'));
  expect(operations.length).toBeGreaterThan(100);
  const silent = operations.filter(({ text }) => !saysShapes.test(text));
  expect(silent.map(({ place, name }) => `${place} ${name}: no shapes`).join('\n')).toBe('');
});

describe('the examples', async () => {
  const workspace = new CodeBlocks();
  afterAll(() => workspace.remove());

  const examples = Object.values(names).flatMap((all) => all.flatMap(({ examples }) => examples));
  const messages = await workspace.compile(examples);

  test('compile', () => {
    expect(messages).toBe('');
  });

  test('print what their comments say', async () => {
    const outcomes = await workspace.run(examples);
    examples.forEach(({ path, code }, index) => {
      expect.soft(outcomes[index], path).toEqual({ lines: expectedLines(code), error: '' });
    });
  });
});
