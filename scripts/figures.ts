/**
 * Draws the figures of the chapters. A test fails while a file is not what its program draws.
 *
 *     npm run figures
 */
import { saveFile } from 'mobinet';
import { drawFigure, listChapters, listFigures } from './lib/chapters.js';
import { parseFlags } from './lib/flags.js';

parseFlags({});
for (const figure of listChapters().flatMap(listFigures)) {
  await saveFile(figure.file, await drawFigure(figure));
  console.error(`wrote ${figure.file}`);
}
