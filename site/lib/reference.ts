import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Application,
  Comment,
  type DeclarationReflection,
  Logger,
  LogLevel,
  type ParameterReflection,
  ReflectionKind,
  type SignatureReflection,
  type SomeType,
  type TypeDocOptions,
} from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';
import { root } from './documents.js';
import { modules } from './reference-modules.js';

/**
 * Writes the reference of all public exports as Markdown, a page for each, from their types and docstrings.
 *
 * @param folder The folder of these pages, `site/reference`.
 */
export async function writeReference(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const options: TypeDocOptions & Partial<PluginOptions> = {
    name: 'Reference',
    entryPoints: Object.values(modules).map((file) => join(root, 'packages', file)),
    tsconfig: join(root, 'site/reference.tsconfig.json'),
    // `npm run build` has checked the types.
    skipErrorChecking: true,
    excludePrivate: true,
    excludeInternal: true,
    // Such as the fields of every Error.
    excludeExternals: true,
    readme: 'none',
    sort: ['alphabetical'],
    logLevel: 'Error',
    plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme'],
    out: folder,
    // Links to source code lead to pages of this site.
    disableGit: true,
    basePath: root,
    displayBasePath: root,
    sourceLinkTemplate: '/source/{path}.md#L{line}',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    excludeScopesInPaths: true,
    pageTitleTemplates: { member: '{name}' },
    useCodeBlocks: true,
    expandParameters: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    indexFormat: 'table',
  };
  const application = await Application.bootstrapWithPlugins(options as TypeDocOptions);
  const logger = new Errors();
  application.logger = logger;
  const project = await application.convert();
  if (!project) throw logger.asError();
  const names = new Map(Object.entries(modules).map(([name, file]) => [nameInTypeDoc(file), name]));
  for (const child of project.children ?? []) child.name = names.get(child.name) ?? child.name;
  for (const signature of project.getReflectionsByKind(ReflectionKind.SomeSignature)) {
    describeParameters((signature as SignatureReflection).parameters ?? []);
  }
  await application.generateOutputs(project);
  if (logger.hasErrors()) throw logger.asError();
}

/** Collects the errors of TypeDoc, which it does not throw. */
class Errors extends Logger {
  readonly messages: string[] = [];

  override log(message: string, level: LogLevel): void {
    super.log(message, level);
    if (level === LogLevel.Error) this.messages.push(message);
  }

  /** If the disk is full, an error for each file comes before the one that says so. */
  asError(): Error {
    const system = this.messages.find((message) => /^E[A-Z]+: /.test(message));
    return new Error(`TypeDoc cannot write the reference: ${system ?? this.messages.join('\n')}`);
  }
}

/** What TypeDoc calls the module of a file. */
const nameInTypeDoc = (file: string): string => `packages/${file}`.replace(/(\/index)?\.ts$/, '');

/** Describes what has no description of its own, so that a table with descriptions has one in each row. */
function describeParameters(parameters: readonly ParameterReflection[]): void {
  parameters.forEach(describeOptions);
  const [self] = parameters;
  if (self?.name === 'this' && parameters.some(({ comment }) => comment))
    self.comment = text('A tensor of this dtype only.');
}

/** Below a record of options come its fields, as below a type literal. */
function describeOptions(parameter: ParameterReflection): void {
  const { type, comment } = parameter;
  if (!type || comment) return;
  const fields = fieldsOf(type);
  if (fields.length === 0) return;
  if (parameter.name === '__namedParameters') parameter.name = 'options';
  parameter.comment = text('Its fields follow.');
  // The plugin for Markdown lists the fields of a type with such a declaration.
  Object.assign(type, { declaration: { kind: ReflectionKind.TypeLiteral, children: fields } });
}

const text = (words: string): Comment => new Comment([{ kind: 'text', text: words }]);

/** The fields of a type literal, of an interface that is named as options, or of both. */
function fieldsOf(type: SomeType): DeclarationReflection[] {
  if (type.type === 'intersection') return type.types.flatMap(fieldsOf);
  if (type.type === 'reflection') return type.declaration.children ?? [];
  if (type.type !== 'reference' || !type.name.endsWith('Options')) return [];
  return (type.reflection as DeclarationReflection | undefined)?.children ?? [];
}
