import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPacked } from 'mobinet';
import { serveSite } from 'mobinet/cli';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowsers } from '../packages/mobinet/dist/browsers.test.helper.js';

// Training and inference with WebGPU in a browser, on a software adapter. Firefox computes the same losses, but takes
// minutes.

const root = join(import.meta.dirname, 'web');

describeInBrowsers(
  'a page on WebGPU',
  ({ newPage }) => {
    let site: string;
    let server: Server;

    beforeAll(async () => {
      site = mkdtempSync(join(tmpdir(), 'mobinet-web-gpu-'));
      const input = join(root, 'training.html');
      await build({ root, logLevel: 'silent', build: { outDir: site, rollupOptions: { input } } });
      server = serveSite(site).listen(0, '127.0.0.1');
      await once(server, 'listening');
    });

    afterAll(() => {
      server?.close();
      rmSync(site, { recursive: true });
    });

    test('trains and classifies as on the CPU', async () => {
      const [cpu, gpu] = [await visit('cpu'), await visit('webgpu')];
      expect(gpu.device).toMatch(/^On the GPU: /);
      expect(gpu.losses).toHaveLength(4);
      // Later steps may differ, where a sign depends on rounding.
      expect(gpu.losses[0]).toBeCloseTo(cpu.losses[0], 3);
      expect(gpu.losses[1]).toBeCloseTo(cpu.losses[1], 2);
      expect(gpu.losses.every(Number.isFinite)).toBe(true);
      const model = await loadPacked(join(root, 'public/model.mobinet.safetensors'));
      const [expected] = await model.predict([{ width: 1, height: 1, pixels: Uint8Array.of(128, 128, 128) }]);
      expect(gpu.answer.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
      expect(gpu.answer[0].probability).toBeCloseTo(expected[0].probability, 3);
      model.dispose();
    }, 480_000);

    async function visit(device: string) {
      const page = await newPage();
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/training.html?steps=4&device=${device}`;
      await page.goto(address);
      await page.locator('#answer:not(:empty)').waitFor({ timeout: 400_000 });
      const answer = await page.locator('#answer').innerText();
      const losses = await page.locator('#losses li').allInnerTexts();
      const found = { device: await page.locator('#device').innerText(), losses: losses.map(Number) };
      await page.close();
      return { ...found, answer: JSON.parse(answer) as { name: string; probability: number }[] };
    }
  },
  ['Chromium'],
);
