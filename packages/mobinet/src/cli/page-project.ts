import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packedFile } from '../training/files.js';

/** The template of the project, which is published with the package. */
const template = fileURLToPath(new URL('../../templates/page', import.meta.url));

/** npm leaves files of this name out of packages, so the template has it without the dot. */
const renamed: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export interface PageProject {
  /** The name of the npm package. */
  readonly name: string;
  readonly title: string;
  /** The bytes of a packed model. */
  readonly model: Uint8Array;
}

/** The files of a web page that runs a packed model, by their paths. */
export function pageProject({ name, title, model }: PageProject): Map<string, Uint8Array | string> {
  const fill: Readonly<Record<string, (text: string) => string>> = {
    'package.json': (text) => `${JSON.stringify({ ...JSON.parse(text), name }, null, 2)}\n`,
    'index.html': (text) => text.replaceAll('{{title}}', () => escapeHtml(title)),
    'README.md': (text) => text.replaceAll('{{name}}', name),
  };
  const files = new Map<string, Uint8Array | string>();
  for (const entry of readdirSync(template, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = relative(template, file).split(sep).join('/');
    files.set(renamed[path] ?? path, path in fill ? fill[path](readFileSync(file, 'utf8')) : readFileSync(file));
  }
  return files.set(packedFile, model);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => entities[letter]);

/** The title of a project without one: its name, such as “Cat or dog” for cat-or-dog. */
export function titleOf(name: string): string {
  const words = name.replace(/[-._~]+/g, ' ').trim();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}
