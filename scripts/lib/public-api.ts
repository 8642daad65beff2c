import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  type ClassDeclaration,
  type InterfaceDeclaration,
  type JSDoc,
  ModuleKind,
  Node,
  type ParameterDeclaration,
  Project,
  Scope,
  ScriptTarget,
  type Symbol as TsSymbol,
} from 'ts-morph';
import { type CodeBlock, expectedLines } from './code-blocks.js';
import { root } from './flags.js';

/** Something that a package exports. */
export interface PublicName {
  readonly name: string;
  /** The file and the line of its declaration. */
  readonly place: string;
  /** Whether it is a function, a class or a constant, which need examples, and not just a type. */
  readonly isValue: boolean;
  /** The `ts` blocks of its docstring that say what they print. */
  readonly examples: readonly CodeBlock[];
  /** Its docstrings, without examples. */
  readonly text: string;
  /** What lacks a docstring, one line each: the name itself, its fields or its methods. */
  readonly undocumented: readonly string[];
  /**
   * The parameters of the name and of its methods that lack a description, one line each. The prose of a docstring may
   * describe all parameters, but a table that describes some of them must describe all. The fields of an options record
   * have docstrings, which the reference shows in the table.
   */
  readonly undescribed: readonly string[];
  /** The functions and methods that throw an error that their docstrings do not mention, one line each. */
  readonly unstatedErrors: readonly string[];
}

/** The folders of the packages. */
export const packageNames = ['tensor', 'autograd', 'bnn', 'mobinet'];

/** Reads what packages export, and the docstrings, from their sources. */
export class PublicApi {
  readonly #project = new Project({
    compilerOptions: {
      target: ScriptTarget.ESNext,
      module: ModuleKind.NodeNext,
      paths: Object.fromEntries(
        packageNames.flatMap((name) => entriesOf(name).map(({ id, source }) => [id, [source]])),
      ),
      // Only names are resolved here, not types, so no other files are needed.
      noLib: true,
      noResolve: true,
      types: [],
    },
  });

  constructor() {
    const folder = join(root, 'packages/*/src/**');
    this.#project.addSourceFilesAtPaths([`${folder}/*.ts`, `!${folder}/*.test.ts`, `!${folder}/*.test.helper.ts`]);
  }

  /** What the entries of a package export, each declaration once. What another package declares belongs to that one. */
  namesOf(packageName: string): PublicName[] {
    const names = new Map<string, PublicName>();
    for (const { source } of entriesOf(packageName)) {
      for (const symbol of this.#project.getSourceFileOrThrow(source).getExportSymbols()) {
        const name = describe(packageName, symbol);
        // One entry may export a class, and another one only its type.
        if (name && !names.get(name.place)?.isValue) names.set(name.place, name);
      }
    }
    return [...names.values()];
  }
}

/** The entries of a package: what one imports, and the source file that declares it. */
function entriesOf(packageName: string): { id: string; source: string }[] {
  const folder = join(root, 'packages', packageName);
  const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(exports).flatMap(([path, conditions]) =>
    typesIn(conditions).map((types) => ({
      id: join(name, path),
      source: join(folder, types.replace('dist/', 'src/').replace('.d.ts', '.ts')),
    })),
  );
}

/** All values of the condition `types`, also inside other conditions. */
function typesIn(conditions: unknown): string[] {
  if (typeof conditions !== 'object' || conditions === null) return [];
  return Object.entries(conditions).flatMap(([condition, value]) => (condition === 'types' ? [value] : typesIn(value)));
}

/**
 * Null for what another package declares, and for what is internal. A name may have several declarations, such as
 * overloads: a docstring of one of them is enough.
 */
function describe(packageName: string, symbol: TsSymbol): PublicName | null {
  const isOwn = (declaration: Node): boolean => placeOf(declaration).startsWith(`packages/${packageName}/`);
  const declarations = (symbol.getAliasedSymbol() ?? symbol)
    .getDeclarations()
    .filter((it) => isOwn(it) && !isInternal(it));
  if (declarations.length === 0) return null;
  const [name, place] = [symbol.getName(), placeOf(declarations[0])];
  const docs = declarations.flatMap(docsOf);
  const members = declarations.flatMap(membersOf);
  const documented = new Set(members.filter(isDocumented).map(nameOf));
  const lacking = members.filter((it) => isOwn(it) && !documented.has(nameOf(it)));
  const calls = [...declarations, ...members.filter(isOwn)].flatMap(callsOf);
  return {
    name,
    place,
    isValue: !isTypeOnly(symbol) && !declarations.every(isType),
    examples: docs.flatMap(examplesIn).map((code, index) => ({
      path: `${place.replace('.ts:', '-')}/${name}-${index + 1}`,
      code,
    })),
    text: docs.map(textOf).join('\n'),
    undescribed: calls.flatMap((call) =>
      undescribedOf(call).map((parameter) => `${placeOf(call.node)} ${name}: ${parameter}`),
    ),
    unstatedErrors: calls.filter(hasUnstatedErrors).map(({ node }) => `${placeOf(node)} ${name}: no @throws`),
    undocumented: [
      ...(docs.length > 0 ? [] : [`${place} ${name}: no docstring`]),
      ...lacking.map((it) => `${placeOf(it)} ${ownerOf(it)}.${nameOf(it)}: no docstring`),
    ],
  };
}

const isType = (declaration: Node): boolean =>
  Node.isInterfaceDeclaration(declaration) || Node.isTypeAliasDeclaration(declaration);

/** Whether a name is exported by `export type`. */
function isTypeOnly(symbol: TsSymbol): boolean {
  const specifiers = symbol.getDeclarations().filter(Node.isExportSpecifier);
  return specifiers.some((it) => it.isTypeOnly() || it.getExportDeclaration().isTypeOnly());
}

function docsOf(declaration: Node): JSDoc[] {
  // The docstring of a constant is that of its statement.
  const node = Node.isVariableDeclaration(declaration) ? declaration.getVariableStatement() : declaration;
  return Node.isJSDocable(node) ? node.getJsDocs() : [];
}

/** A field that a constructor declares as its parameter is documented there, or by the constructor's `@param`. */
function isDocumented(member: Node): boolean {
  if (!Node.isParameterDeclaration(member)) return docsOf(member).length > 0;
  const isParam = new RegExp(`@param ${member.getName()}\\b`);
  return (
    member.getLeadingCommentRanges().some((comment) => comment.getText().startsWith('/**')) ||
    docsOf(member.getParentOrThrow()).some((doc) => isParam.test(doc.getText()))
  );
}

/** Something that can be called: a function, a method or a constructor. */
interface Callable {
  readonly node: Node;
  readonly parameters: readonly ParameterDeclaration[];
  /** Its docstring, without examples. */
  readonly text: string;
  readonly code: string;
}

function callsOf(declaration: Node): Callable[] {
  if (Node.isClassDeclaration(declaration)) {
    const constructors = declaration
      .getConstructors()
      .filter((it) => it.getScope() === Scope.Public && !isInternal(it));
    return constructors.flatMap((it) => {
      const docs = [it, ...it.getOverloads()].flatMap(docsOf);
      return callable(it, docs.length > 0 ? docs : docsOf(declaration));
    });
  }
  const value = Node.isVariableDeclaration(declaration) ? declaration.getInitializer() : declaration;
  const isImplementation =
    Node.isFunctionDeclaration(value) && value.isImplementation() && value.getOverloads().length > 0;
  return isImplementation ? [] : callable(value, docsOf(declaration));
}

/** Nothing for an overload without a docstring, which has that of another. */
function callable(node: Node | undefined, docs: readonly JSDoc[]): Callable[] {
  if (!Node.isParametered(node) || docs.length === 0) return [];
  const implementation = Node.isFunctionDeclaration(node) ? node.getImplementation() : undefined;
  const code = (implementation ?? node).getText();
  return [{ node, parameters: node.getParameters(), text: docs.map(textOf).join('\n'), code }];
}

/** The parameters that a docstring describes, by their names; a name of its own is that of a destructured parameter. */
function undescribedOf({ parameters, text }: Callable): string[] {
  const described = new Set(Array.from(text.matchAll(/@param +(\w+)/g), ([, name]) => name));
  const own = parameters.filter((it) => it.getName() !== 'this');
  const names = own.map((it) => it.getName());
  const isDestructured = (name: string): boolean => /^[[{]/.test(name);
  const others = [...described].filter((name) => !names.includes(name));
  const isOptions = (it: ParameterDeclaration): boolean => /Options\b/.test(it.getTypeNode()?.getText() ?? '');
  const table = described.size > 0 || own.some(isOptions);
  const isField = (it: ParameterDeclaration): boolean => it.isParameterProperty() && isDocumented(it);
  const rest = own.filter((it) => !isOptions(it) && !isField(it) && !described.has(it.getName()));
  return [
    ...rest.filter((it) => isDestructured(it.getName())).slice(others.length),
    ...rest.filter((it) => !isDestructured(it.getName()) && table),
  ].map((it) => `no @param for ${it.getName().replace(/\s+/g, ' ')}`);
}

/** Whether the code throws an error, or checks a number or a shape, for which there are no types. */
const hasUnstatedErrors = ({ text, code }: Callable): boolean =>
  /\bthrow new|\bcheck(Number|Numbers|Shape|Choice)\(/.test(code) && !/@throws|\bthrows?\b/i.test(text);

/** A docstring without its examples. */
const textOf = (doc: JSDoc): string => doc.getText().replace(/@example\b[\s\S]*/, '');

/** `stripInternal` removes these from the types of a package. */
const isInternal = (declaration: Node): boolean => docsOf(declaration).some((doc) => /@internal\b/.test(doc.getText()));

/** The fields and methods that users of an interface or a class see. */
function membersOf(declaration: Node): Node[] {
  const members = Node.isInterfaceDeclaration(declaration)
    ? membersOfInterface(declaration)
    : Node.isClassDeclaration(declaration)
      ? membersOfClass(declaration)
      : [];
  return members.filter((it) => nameOf(it) !== '' && !isInternal(it));
}

/** Also those of interfaces that it extends, which may not be exported. */
function membersOfInterface(declaration: InterfaceDeclaration): Node[] {
  const bases = declaration.getBaseDeclarations().filter(Node.isInterfaceDeclaration);
  return [...declaration.getMembers(), ...bases.flatMap(membersOfInterface)];
}

/** Members that override others have the docstring of these, which may be in a base class that is not exported. */
function membersOfClass(declaration: ClassDeclaration): Node[] {
  const own = [...declaration.getInstanceMembers(), ...declaration.getStaticMembers()].filter(
    (it) => !Node.isClassStaticBlockDeclaration(it) && it.getScope() === Scope.Public && !it.hasModifier('override'),
  );
  const base = declaration.getBaseClass();
  return base ? [...own, ...membersOfClass(base)] : own;
}

/** The name of a member, or nothing for private names, symbols and signatures without a name. */
function nameOf(member: Node): string {
  const name = Node.hasName(member) ? member.getName() : '';
  return /^[#[]/.test(name) ? '' : name;
}

/** The name of the class or the interface that declares a member, which may be a base class. */
function ownerOf(member: Node): string | undefined {
  const owner = member.getFirstAncestor((it) => Node.isClassDeclaration(it) || Node.isInterfaceDeclaration(it));
  return owner?.getName();
}

function placeOf(declaration: Node): string {
  const file = relative(root, declaration.getSourceFile().getFilePath()).replaceAll('\\', '/');
  return `${file}:${declaration.getStartLineNumber()}`;
}

/** The `ts` blocks after `@example` in a docstring that say what they print. */
function examplesIn(doc: JSDoc): string[] {
  const text = doc.getText().replace(/^ *\* ?/gm, '');
  const [, ...parts] = text.split(/^@example\b/m);
  return parts.flatMap((part) => {
    const code = /^```ts\n(.*?)^```$/ms.exec(part)?.[1];
    return code && expectedLines(code).length > 0 ? [code] : [];
  });
}
