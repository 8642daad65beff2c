import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { ImageProgress } from './image-progress.js';
import { formatTable } from './table.js';

describe('formatTable', () => {
  test('draws a rule under the head, no borders, and right-aligns numbers', () => {
    const table = formatTable(
      ['layer', 'bits'],
      [
        ['stem', 0],
        ['units.0.extra', '1,024'],
      ],
    );
    expect(table.split('\n')).toEqual([
      'layer           bits',
      '─────────────  ─────',
      'stem               0',
      'units.0.extra  1,024',
    ]);
  });

  test('formats a table without rows', () => {
    expect(formatTable(['a', 'bc'], []).split('\n')).toHaveLength(2);
  });
});

describe('ImageProgress', () => {
  /** A stream that stands for a terminal or a file, and its contents. */
  function output(isTTY: boolean) {
    const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 });
    // Node 26 reads one chunk at a time, earlier versions all.
    const chunks = function* () {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) yield String(chunk);
    };
    return { stream, text: (): string => [...chunks()].join('') };
  }

  test('shows a bar on a terminal, without colors, removes it, and changes no mode of the terminal', () => {
    const { stream, text } = output(true);
    const progress = new ImageProgress(stream);
    progress.show('epoch 1/2', 5, 20, { details: ['loss 1.25'] });
    const first = text();
    expect(first).toContain('epoch 1/2 [======------------------] 5/20 images  loss 1.25');
    progress.show('validation', 2, 4);
    progress.stop();
    const rest = text();
    expect(rest).toContain('validation [============------------] 2/4 images');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: matches colors, which must not occur.
    expect(rest).not.toMatch(/\x1b\[[\d;]*m/);
    // Modes such as a hidden cursor or disabled line wrapping would persist if the program were killed.
    expect(first + rest).not.toContain('\x1b[?');
  });

  test('is cut to the width of the terminal', () => {
    const { stream, text } = output(true);
    const progress = new ImageProgress(stream);
    progress.show('epoch 1/2', 5, 20, { details: ['x'.repeat(200)] });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: matches cursor movements, which have no width.
    const line = text().replace(/\x1b(\[\d*[A-Z]|\d)/g, '');
    expect(line).toMatch(/^epoch 1\/2 .*x$/);
    expect(line).toHaveLength(100);
    progress.stop();
  });

  test('prints a line now and then to a file, with the time left once there is a pace', async () => {
    const { stream, text } = output(false);
    const progress = new ImageProgress(stream, { secondsPerLine: 0 });
    progress.show('epoch 1/2', 5, 1_000_000);
    expect(text()).toBe('epoch 1/2: 5/1000000 images\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
    progress.show('epoch 1/2', 10, 1_000_000);
    // At 20 ms or more for five images, the rest takes an hour or longer.
    expect(text()).toMatch(/^epoch 1\/2: 10\/1000000 images, \d+ h \d+ min left\n$/);
    progress.stop();
    expect(text()).toBe('');
  });

  test('prints nothing before the next line is due', () => {
    const { stream, text } = output(false);
    const progress = new ImageProgress(stream, { secondsPerLine: 60 });
    progress.show('epoch 1/2', 5, 20);
    progress.stop();
    expect(text()).toBe('');
  });
});
