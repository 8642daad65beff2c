import { parseArgs } from 'node:util';
import { type Chapter, listChapters } from './chapters.js';
import { stop } from './flags.js';

/**
 * The chapters that the command line names by their numbers or folders. If it names none, prints what the script does
 * and the list of chapters, and ends it.
 */
export function chosenChapters(script: string, description: string): Chapter[] {
  const chapters = listChapters();
  const names = readNames();
  if (names.length === 0) {
    const list = chapters.map(({ number, title }) => `  ${String(number).padStart(2)}  ${title}`);
    console.log([`Usage: npm run ${script} <number>`, '', description, '', ...list].join('\n'));
    process.exit(0);
  }
  return names.map((wanted) => {
    const found = chapters.find(({ number, name }) => wanted === name || wanted.replace(/^0/, '') === String(number));
    return (
      found ?? stop(`there is no chapter ${wanted}. The chapters are ${chapters.map(({ name }) => name).join(', ')}`)
    );
  });
}

/** The chapters on the command line; none if it asks for help. */
function readNames(): string[] {
  try {
    const { values, positionals } = parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true });
    return values.help ? [] : positionals;
  } catch (error) {
    return stop((error as Error).message);
  }
}
