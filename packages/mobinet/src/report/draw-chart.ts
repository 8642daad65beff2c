import type { TopLevelSpec } from 'vega-lite';
import { chartConfig, chartWidth } from './charts.js';
import { Html, html } from './html.js';

/** What a chart shows, in words. */
export interface ChartText {
  readonly title: string;
  /** What it shows, for readers who do not see it. */
  readonly description: string;
  /** What stands below its title: a legend, or a remark. */
  readonly caption?: Html | null;
}

/** Draws a chart as SVG with its title. Vega is only loaded when the first chart is drawn. */
export async function drawChart(spec: TopLevelSpec, { title, description, caption = null }: ChartText): Promise<Html> {
  const [{ parse, View }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new View(parse(compile(spec, { config: chartConfig }).spec), { renderer: 'none' });
  const svg = await view.toSVG().finally(() => view.finalize());
  // The page needs neither a size in pixels nor the namespaces of a file of its own.
  const [root, viewBox] = /^<svg[^>]*viewBox="([^"]*)"[^>]*>/.exec(svg)!;
  const drawing = new Html(svg.slice(root.length).replace(/<\/svg>\s*$/, ''));
  return html`<figure><figcaption><h3>${title}</h3>${caption}</figcaption>
<svg viewBox="${viewBox}" style="max-width:${Math.round(1.15 * chartWidth)}px" role="img" aria-label="${title}">
<title>${title}</title><desc>${description}</desc>${drawing}</svg></figure>
`;
}

/** The legend of a chart: a name for each color. */
export const legend = (entries: readonly { readonly label: string; readonly color: string }[]): Html =>
  html`<p class="legend">${entries.map(({ label, color }) => html`<span style="--c:${color}">${label}</span>`)}</p>`;
