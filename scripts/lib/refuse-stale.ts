/**
 * Ends a program of this repository that would run old code: a source was edited after it was compiled, or a module
 * compiled after it was bundled. Published packages have no file of the compiler, so nothing is checked there.
 *
 * Every bundle contains the text of this function and calls it as it is loaded, so the function uses nothing outside
 * of itself. It asks only for the times of the sources of bundled modules, which takes five milliseconds for all packages,
 * and knows nothing of tests.
 *
 * @param bundle The URL of the bundle, in `dist/node` of its package.
 * @param modules The bundled modules, as paths in `dist`.
 */
export function refuseStale(bundle: string, modules: readonly string[]): void {
  const { statSync } = process.getBuiltinModule('node:fs');
  const { fileURLToPath, pathToFileURL } = process.getBuiltinModule('node:url');
  const timeOf = (file: string | URL): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sourceOf = (path: string): string => path.replace(/\.js$/, '.ts');
  const refuse = (problem: string): never => {
    console.error(`error: ${problem}\nSee docs/help.md#edit-without-build`);
    return process.exit(1);
  };
  // The compiler writes this file last, also if all that it wrote before is as it was.
  const compiledAt = (folder: URL): number => timeOf(new URL('tsconfig.tsbuildinfo', folder));
  const nameOf = (file: URL): string => file.pathname.slice(new URL('../..', folder).pathname.length);

  const folder = new URL('../../', bundle);
  const compiled = compiledAt(folder);
  if (compiled === 0) return;
  const bundled = timeOf(new URL(bundle));
  // Paths, since making a URL takes longer than asking for a time.
  const [sources, compiledModules] = ['src/', 'dist/'].map((name) => fileURLToPath(new URL(name, folder)));
  for (const path of modules) {
    const source = sourceOf(path);
    const name = (): string => nameOf(new URL(`src/${source}`, folder));
    if (timeOf(sources + source) > compiled) refuse(`${name()} was edited after it was compiled. Run npm run build`);
    if (compiled > bundled && timeOf(compiledModules + path) > bundled) {
      const remedy = 'Run npm run bundle, or node with --conditions=mobinet-unbundled';
      refuse(`${name()} was compiled after it was bundled. ${remedy}`);
    }
  }

  // The program itself is compiled beside its source, in a folder of a project of the compiler or below.
  const program = pathToFileURL(process.argv[1] ?? '');
  const source = new URL(sourceOf(program.href));
  const root = new URL('../..', folder);
  if (source.href === program.href || !program.href.startsWith(root.href)) return;
  let project = new URL('.', program);
  while (compiledAt(project) === 0 && project.href !== root.href) project = new URL('..', project);
  if (timeOf(source) > compiledAt(project)) {
    refuse(`${nameOf(source)} was edited after it was compiled. Run npm run build`);
  }
}
