import { createHash } from 'node:crypto';
import { classScores } from './class-scores.js';
import { curvesSection } from './curves-section.js';
import { Html, html } from './html.js';
import { liveScript } from './live-script.js';
import type { Report } from './report.js';
import { signsSection } from './signs-section.js';
import { style } from './style.js';
import { validationSection } from './validation-section.js';
import { weightsSection } from './weights-section.js';

const hashOf = (script: string): string => createHash('sha256').update(script).digest('base64');

/** Options of a page. */
export interface PageOptions {
  /** Whether the page asks the server that it comes from for newer versions of itself. Default: false. */
  readonly live?: boolean;
}

/**
 * What a page may do: nothing but show what is in it. A live page also asks its server for newer versions of itself.
 * The browser enforces it (https://www.w3.org/TR/CSP3/).
 */
export function policyOf({ live = false }: PageOptions): string {
  const directives = ["default-src 'none'", 'img-src data:', "style-src 'unsafe-inline'", "base-uri 'none'"];
  if (live) directives.push("connect-src 'self'", `script-src 'sha256-${hashOf(liveScript)}'`);
  return directives.join('; ');
}

/** What a page shows. */
export interface Contents {
  readonly title: string;
  readonly main: Html;
}

/** Draws and writes everything that a report shows. */
export async function renderContents(report: Report): Promise<Contents> {
  const { title, subtitle, facts, curves, weights, validation } = report;
  const sections = [
    curves ? await curvesSection(curves) : null,
    curves ? await signsSection(curves.history) : null,
    weights ? await weightsSection(weights) : null,
    validation ? validationSection(validation) : null,
  ];
  const main = html`<main><header><h1>${title}</h1><p class="subtitle">${subtitle}</p>
<dl class="facts">${facts.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></header>
${sections}
<script type="application/json" id="data">${new Html(inScript(dataOf(report)))}</script></main>`;
  return { title, main };
}

/** Makes an HTML file of the contents, with everything in it. */
export function pageOf({ title, main }: Contents, options: PageOptions = {}): string {
  const page = html`<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(options)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="icon" href="data:,">
<style>${new Html(style)}</style></head>
<body>${main}
${options.live ? html`<script>${new Html(liveScript)}</script>` : null}</body></html>
`;
  return `<!doctype html>\n${page.text}`;
}

/** Renders a report as an HTML file. */
export const renderReport = async (report: Report): Promise<string> => pageOf(await renderContents(report));

/** The numbers of the page, for programs that read it. The signs of each layer and epoch are only in metrics.jsonl. */
function dataOf({ title, curves, validation }: Report): unknown {
  const { classes = [], confusion } = validation?.predictions ?? {};
  const scores = confusion ? classScores(confusion, classes.length) : [];
  return {
    title,
    history: curves?.history.map(({ signs, ...numbers }) => numbers) ?? [],
    classes: classes.map((name, at) => ({ name, ...scores[at] })),
  };
}

/** JSON that cannot end the script it stands in. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');
