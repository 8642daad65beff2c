import { readFile } from 'node:fs/promises';
import { saveFile } from 'mobinet';
import type { Training } from './trainings.js';

/** Replaces the text between the markers of a document. */
export async function fillIn(file: string, text: string): Promise<void> {
  const { before, after } = await partsOf(file);
  await saveFile(file, `${before}\n\n${text}\n\n${after}`);
  console.error(`wrote ${file}`);
}

/** The text between the markers of a document. */
export async function resultsIn(file: string): Promise<string> {
  return (await partsOf(file)).results.trim();
}

/** A document, divided at its markers, which stay with the text around the results. */
async function partsOf(file: string): Promise<{ before: string; results: string; after: string }> {
  const parts = (await readFile(file, 'utf8')).split(/(?<=<!-- results -->)(.*)(?=<!-- end of results -->)/s);
  if (parts.length !== 3) throw new Error(`${file} has no markers <!-- results --> and <!-- end of results -->`);
  const [before, results, after] = parts;
  return { before, results, after };
}

/** A Markdown table. All columns but the first are aligned right, as numbers are, unless they are `text`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], { text = false } = {}): string {
  const rule = head.map((_, column) => (text || column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Wraps a paragraph at 120 columns. */
export const wrap = (text: string): string => text.replace(/(.{1,120})(?: |$)/g, '$1\n').trimEnd();

export const code = (text: string): string => `\`\`\`sh\n${text}\n\`\`\``;

export const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** The mean ± the sample standard deviation; a single number without one. */
export function spread(numbers: readonly number[], digits: number): string {
  const center = mean(numbers);
  if (numbers.length === 1) return center.toFixed(digits);
  const variance = numbers.reduce((sum, number) => sum + (number - center) ** 2, 0) / (numbers.length - 1);
  return `${center.toFixed(digits)} ± ${Math.sqrt(variance).toFixed(digits)}`;
}

export const thousands = (number: number): string => Math.round(number).toLocaleString('en-US');

export const minutesOf = ({ history }: Training): number => history.reduce((sum, { seconds }) => sum + seconds, 0) / 60;

export const imagesPerSecondOf = ({ history }: Training): number =>
  mean(history.map(({ imagesPerSecond }) => imagesPerSecond));

/** A sentence that names the machines on which the speeds were measured. */
export const machinesOf = (trainings: readonly Training[]): string =>
  wrap(`Speeds were measured on ${[...new Set(trainings.map(({ machine }) => machine))].join('; ')}.`);
