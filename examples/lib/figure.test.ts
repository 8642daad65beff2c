import { describe, expect, test } from 'vitest';
import { chart, drawing, element, line, palette, text } from './figure.js';

describe('figures', () => {
  test('a drawing escapes text and attributes, and rounds numbers', () => {
    const svg = drawing({ width: 10, height: 20 }, text(1 / 3, 2, 'a < b & "c"'), [line([0, 0], [1, 1])]);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 10 20" /);
    expect(svg).toContain(
      '<text x="0.33" y="2" text-anchor="middle" dominant-baseline="central">a &#60; b &#38; &#34;c&#34;</text>',
    );
    expect(svg).toMatch(/<\/svg>\n$/);
  });

  test('both kinds of figures have colors for light and for dark pages, if they are files of their own', async () => {
    const values = [{ x: 1, y: 2 }];
    const drawn = [
      drawing({ width: 1, height: 1 }, element('g', {})),
      await chart({
        data: { values },
        mark: 'point',
        encoding: { x: { field: 'x', type: 'quantitative' }, y: { field: 'y', type: 'quantitative' } },
      }),
    ];
    for (const svg of drawn) {
      expect(svg).toMatch(/^<svg[^>]*><style>svg:root\{color:#24292f\}@media\(prefers-color-scheme:dark\)\{svg:root\{/);
      expect(svg).toContain('currentColor');
    }
  });

  test('a chart does not depend on what was drawn before', async () => {
    const draw = () =>
      chart({
        data: { values: [{ x: 1, y: 2 }] },
        mark: { type: 'line', clip: true },
        encoding: { x: { field: 'x', type: 'quantitative' }, y: { field: 'y', type: 'quantitative' } },
      });
    expect(await draw()).toBe(await draw());
  });

  test.each(Object.entries(palette))('%s stands out from light and from dark pages', (_, color) => {
    // Graphics need a contrast of 3 : 1 (WCAG 2.1, criterion 1.4.11).
    for (const page of ['#ffffff', '#0d1117', '#1b1b1f']) expect(contrast(color, page)).toBeGreaterThanOrEqual(3);
  });
});

function contrast(a: string, b: string): number {
  const [dark, light] = [a, b].map(luminance).sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** The relative luminance of a color such as #3d8bd4, by WCAG. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
