#!/usr/bin/env node
import '../dist/cli/optimize-later.js';
import { main } from '../dist/cli/main.js';

await main();
