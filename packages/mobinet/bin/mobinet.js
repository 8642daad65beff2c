#!/usr/bin/env node
import '../dist/cli/optimize-later.js';
import { main } from '#main';

// Not awaited: Node 22 and later print a warning where a definition of a network never finishes loading, although the
// command line reports it.
main();
