#!/usr/bin/env node
import '../dist/cli/optimize-later.js';
import module from 'node:module';

// Node 22 and later keep what they compile in a folder for temporary files, and read it at the next start. This holds
// for modules that are imported after the call, so the command line must be one of these.
module.enableCompileCache?.();
const { main } = await import('#main');

// Not awaited: Node 22 and later print a warning where a definition of a network never finishes loading, although the
// command line reports it.
main();
