import { readFile } from 'node:fs/promises';
import { saveFile } from 'mobinet';

/** Puts text between the markers of a document, in place of what is there. */
export async function fillIn(file, text) {
  const [before, , after] = await partsOf(file);
  await saveFile(file, `${before}\n\n${text}\n\n${after}`);
  console.error(`wrote ${file}`);
}

/** What is between the markers of a document. */
export async function resultsIn(file) {
  return (await partsOf(file))[1].trim();
}

async function partsOf(file) {
  const parts = (await readFile(file, 'utf8')).split(/(?<=<!-- results -->)(.*)(?=<!-- end of results -->)/s);
  if (parts.length !== 3) throw new Error(`${file} has no markers <!-- results --> and <!-- end of results -->`);
  return parts;
}

/** A Markdown table. All columns but the first are to the right. */
export function table(head, rows) {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export const code = (text) => `\`\`\`sh\n${text}\n\`\`\``;

export const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** Mean ± standard deviation of a sample; of one number, that number. */
export function spread(numbers, digits) {
  const centre = mean(numbers);
  if (numbers.length === 1) return centre.toFixed(digits);
  const variance = numbers.reduce((sum, number) => sum + (number - centre) ** 2, 0) / (numbers.length - 1);
  return `${centre.toFixed(digits)} ± ${Math.sqrt(variance).toFixed(digits)}`;
}

export const thousands = (number) => Math.round(number).toLocaleString('en-US');

/** What the tables say of a training beside its result. */
export const minutesOf = ({ history }) => history.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
export const imagesPerSecondOf = ({ history }) => mean(history.map(({ imagesPerSecond }) => imagesPerSecond));

/** What the figures of speed were measured on. */
export const machinesOf = (trainings) =>
  `Speeds were measured on ${[...new Set(trainings.map(({ machine }) => machine))].join('; ')}.`;
