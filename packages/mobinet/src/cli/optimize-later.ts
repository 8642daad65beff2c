/**
 * Imported before everything else by the command line: makes Node 20 (V8 11.3) optimize functions later.
 *
 * It optimizes a function after it has run for a while, with TurboFan, which is slow. Later versions of V8 have a faster
 * compiler, Maglev, for functions that have just become warm. In a short run of Node 20, TurboFan takes more CPU time
 * than the functions that it speeds up: a small network's first 50 images took 480 ms of CPU time, and take 290 ms with
 * this setting, while 2,000 images take no longer. It concerns the whole process, so a library must not make it. See
 * docs/performance.md, “Node, Bun and Deno”.
 */
if (process.versions.v8.startsWith('11.3.')) {
  process.getBuiltinModule('node:v8').setFlagsFromString(`--interrupt-budget=${4 * 67_584}`);
}
