import { basename, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { printable } from '../data/printable.js';
import { saveFolder } from '../files/save-folder.js';
import { jsonFlag } from './flags.js';
import { addModelFlag, readPageModel } from './model-flag.js';
import { printJson, printResult, say } from './output.js';
import { pageProject, titleOf } from './page-project.js';
import { exitingOnSignals } from './program.js';

interface CreateFlags {
  model: string;
  title?: string;
  json?: boolean;
}

/** `mobinet create`: makes the project of a web page that classifies pictures. */
export function createCommand(): Command {
  return addModelFlag(
    new Command('create').description('make the project of a web page that classifies photos and camera pictures'),
  )
    .argument('<folder>', 'new folder; its name is also the name of the project')
    .option('--title <text>', 'title of the page (default: the name of the project)', titleIn)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
The project is built with Vite and contains the model. Everything runs in the browser, so the built page is a folder of
static files, and no picture is uploaded.

Examples:
  mobinet create cat-or-dog --model runs/photos
  mobinet create sites/cat-or-dog --model runs/photos --title "Cat or dog?"`,
    )
    .action(runCreate);
}

async function runCreate(folder: string, { model: path, title, json }: CreateFlags): Promise<void> {
  const name = projectNameOf(folder);
  const model = await readPageModel(path);
  await exitingOnSignals(saveFolder(folder, pageProject({ name, title: title ?? titleOf(name), model })));
  if (json) printJson({ folder, name });
  else printResult(folder);
  say(`Next: cd ${folder} && npm install && npm run dev`);
}

function titleIn(text: string): string {
  const title = text.trim();
  if (title === '' || printable(title) !== title) throw new InvalidArgumentError('It must be a line of text.');
  return title;
}

/** The name of the project in a folder. @throws RangeError if npm would refuse it. */
function projectNameOf(folder: string): string {
  const path = resolve(folder);
  if (path === process.cwd()) throw new RangeError('give the name of a new folder, not the current one');
  const name = basename(path);
  if (!/^[a-z\d][a-z\d._~-]{0,213}$/.test(name)) {
    throw new RangeError(
      `${JSON.stringify(name)} cannot be the name of an npm project: use lowercase letters, digits and - . _ ~`,
    );
  }
  if (taken.includes(name)) throw new RangeError(`an npm project must not be named ${name}. Choose another name`);
  return name;
}

/** Names that npm refuses, and those of the project's dependencies. */
const taken = ['node_modules', 'favicon.ico', 'mobinet', 'vite'];
