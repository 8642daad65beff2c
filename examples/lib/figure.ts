import { parse, resetSVGDefIds, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';

/**
 * Figures are drawn by code: `npm run figures` writes what the default export of each `figure.ts` returns to
 * `figure.svg`. Their background is transparent, and text and lines are `currentColor`, so a figure fits on light and
 * dark pages. Diagrams are composed of `element`s in a `drawing`; a `chart` is described in Vega-Lite.
 */

/** Colors for data, which can be told apart with red-green color blindness, on light pages and on dark ones. */
export const palette = {
  blue: '#3d8bd4',
  orange: '#d55e00',
  green: '#009e73',
  pink: '#c267a0',
  yellow: '#b8860b',
  gray: '#808080',
};

/** A part of a drawing: an SVG element, its text, or a list of these. */
export type Part = SvgElement | string | readonly Part[];

export interface SvgElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly Part[];
}

/** An SVG element, such as `element('circle', { cx: 10, cy: 10, r: 4, fill: palette.blue })`. */
export function element(name: string, attributes: SvgElement['attributes'], ...children: Part[]): SvgElement {
  return { name, attributes, children };
}

/** Text whose middle is at (x, y). */
export function text(x: number, y: number, content: string, attributes: SvgElement['attributes'] = {}): SvgElement {
  return element('text', { x, y, 'text-anchor': 'middle', 'dominant-baseline': 'central', ...attributes }, content);
}

/** A straight line from (x1, y1) to (x2, y2), in the color of the text unless `stroke` says otherwise. */
export function line(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  attributes: SvgElement['attributes'] = {},
): SvgElement {
  return element('line', { x1, y1, x2, y2, stroke: 'currentColor', ...attributes });
}

/** Like `line`, with the head of an arrow at (x2, y2). */
export function arrow(
  from: readonly [number, number],
  to: readonly [number, number],
  attributes: SvgElement['attributes'] = {},
): SvgElement {
  return line(from, to, { 'marker-end': 'url(#arrow)', ...attributes });
}

/** The text of an SVG file: a diagram of the given size in pixels, whose text has 14 pixels unless it says otherwise. */
export function drawing({ width, height }: { width: number; height: number }, ...parts: Part[]): string {
  const head = element(
    'marker',
    {
      id: 'arrow',
      viewBox: '0 0 10 10',
      refX: 9,
      refY: 5,
      markerWidth: 7,
      markerHeight: 7,
      orient: 'auto-start-reverse',
    },
    element('path', { d: 'M0,0L10,5L0,10z', fill: 'context-stroke' }),
  );
  return svgFile(
    render(
      element(
        'svg',
        {
          xmlns: 'http://www.w3.org/2000/svg',
          viewBox: `0 0 ${width} ${height}`,
          width,
          height,
          'font-family': fontFamily,
          'font-size': 14,
          fill: 'currentColor',
        },
        element('defs', {}, head),
        parts,
      ),
    ),
  );
}

/** The text of an SVG file: a chart that is described in Vega-Lite (https://vega.github.io/vega-lite/). */
export async function chart(spec: TopLevelSpec): Promise<string> {
  // Otherwise, the ids in a figure would depend on how many were drawn before it.
  resetSVGDefIds();
  const view = new View(parse(compile(spec, { config }).spec), { renderer: 'none' });
  return svgFile(await view.toSVG());
}

const fontFamily = 'Helvetica, Arial, sans-serif';

const config: Config = {
  aria: false,
  background: 'transparent',
  font: fontFamily,
  padding: 8,
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    tickColor: 'currentColor',
    domainColor: 'currentColor',
    gridColor: 'currentColor',
    gridOpacity: 0.12,
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 8,
  },
  header: { labelColor: 'currentColor', titleColor: 'currentColor', labelFontSize: 13 },
  legend: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    labelFontSize: 12,
    titleFontSize: 12,
    labelLimit: 400,
  },
  title: { color: 'currentColor', fontSize: 14, anchor: 'start', frame: 'group' },
  text: { color: 'currentColor', fontSize: 12 },
  rule: { color: 'currentColor' },
  range: { category: Object.values(palette) },
  view: { stroke: null },
};

/**
 * A page that shows the file as an image cannot give it a color, so the file chooses one by the page's color scheme. The
 * rule has no effect on a figure within a page, which has the color of the text around it.
 */
function svgFile(svg: string): string {
  const style = `<style>svg:root{color:#24292f}@media(prefers-color-scheme:dark){svg:root{color:#d8dee4}}</style>`;
  return `${svg.replace(/(?<=^<svg[^>]*>)/, style)}\n`;
}

function render(part: Part): string {
  if (typeof part === 'string') return escaped(part);
  if (!('name' in part)) return part.map(render).join('');
  const attributes = Object.entries(part.attributes).map(
    ([name, value]) => ` ${name}="${typeof value === 'number' ? rounded(value) : escaped(value)}"`,
  );
  return `<${part.name}${attributes.join('')}>${part.children.map(render).join('')}</${part.name}>`;
}

/** Hundredths of a pixel are enough, and hide differences in the last bits of numbers. */
const rounded = (value: number): string => String(Number(value.toFixed(2)));

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
