import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { contentsOf, copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny } from './cli.test.helper.js';

const folder = sharedFolder();
const { ask, cli } = commandLineIn(folder);
const data = copyImages(join(folder, 'images'));
const [straight, other] = ['straight', 'other'].map((name) => join(folder, name));
const withTwin = ['train', '--data', data, ...tiny, '--epochs', '3', '--teacher', 'auto', '--teacher-epochs', '2'];

const checkpointOf = (run: string): unknown => contentsOf(readFileSync(join(run, 'checkpoint.safetensors')));

beforeAll(async () => {
  const { code, stderr } = await ask([...withTwin, '--out', straight]);
  expect(code, stderr).toBe(0);
});

/** Resumes a run until it is finished, and expects the bits of the run that was not interrupted. */
async function finish(out: string, ...flags: string[]): Promise<string> {
  const { code, stderr, stdout } = await ask(['train', '--resume', out, '--workers', '1', '--json', ...flags]);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ out, epoch: 3, agreement: { largestDifference: 0 } });
  expect(checkpointOf(out)).toEqual(checkpointOf(straight));
  expect(checkpointOf(join(out, 'teacher'))).toEqual(checkpointOf(join(straight, 'teacher')));
  return stderr;
}

describe('train --teacher auto', () => {
  test('trains the float twin first, for a third of the epochs by default, then the network', async () => {
    const out = join(folder, 'default');
    const { code, stdout, stderr } = await ask([
      ...['train', '--data', data, ...tiny, '--epochs', '4', '--teacher', 'auto', '--temperature', '2', '--out', out],
    ]);
    expect(code, stderr).toBe(0);
    const steps = [
      `training the teacher first, the float twin; saving it to ${out}`,
      'epoch 2: ',
      'the teacher has a ',
    ];
    const at = [...steps, 'training on 24 images'].map((text) => stderr.indexOf(text));
    expect(at).not.toContain(-1);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    // Only the network itself is a result.
    expect(stdout.match(/^saved/gm)).toHaveLength(1);
    const { run } = checkpointOf(out) as { run: { training: object; teacher: object } };
    expect(run.training).toMatchObject({ epochs: 4, distillation: { weight: 0.9, temperature: 2 } });
    expect(run.teacher).toEqual({
      file: 'teacher/model.mobinet.safetensors',
      epochs: 2,
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    const twin = checkpointOf(join(out, 'teacher')) as { run: { training: object }; options: string };
    expect(twin.run.training).toMatchObject({ epochs: 2, batchSize: 8 });
    expect(twin.run.training).not.toHaveProperty('distillation');
    expect(JSON.parse(twin.options)).toMatchObject({ precision: 'float', width: 0.0625 });
  });

  test('is interrupted in the training of the teacher, and resumes to the same bits', async () => {
    const out = join(folder, 'in-teacher');
    const stopped = await cli([...withTwin, '--out', out], { interruptAt: /^epoch 1: /m });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stderr).toContain(`stopped and saved. Continue with --resume ${out}\n`);
    expect(stopped.stderr).not.toContain('the teacher has');
    expect(existsSync(join(out, 'model.mobinet.safetensors'))).toBe(false);
    const { code, stderr } = await ask(['train', '--resume', out, '--out', join(folder, 'elsewhere')]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `error: ${out} has not trained its teacher yet. Leave out --out until it has\n`,
    });
    expect(await finish(out)).toContain('training the teacher first');
  });

  test('is killed before its teacher took a step, or just after its last, and resumes to the same bits', async () => {
    const out = join(folder, 'killed');
    const stopped = await cli([...withTwin, '--out', out], { interruptAt: /^epoch 1: /m });
    expect(stopped.code).toBe(130);
    // Only the checkpoint of the network exists, which is saved first.
    rmSync(join(out, 'teacher'), { recursive: true });
    await finish(out);

    const after = join(folder, 'killed-after');
    const again = await cli([...withTwin, '--out', after], { interruptAt: /^epoch 1: /m });
    expect(again.code).toBe(130);
    cpSync(join(straight, 'teacher'), join(after, 'teacher'), { recursive: true });
    rmSync(join(after, 'teacher', 'model.mobinet.safetensors'));
    await finish(after);
  });

  test('is interrupted in the training of the network, moved, and resumes to the same bits', async () => {
    const [out, moved] = [join(folder, 'in-student'), join(folder, 'moved')];
    const stopped = await cli([...withTwin, '--out', out], { interruptAt: /the teacher has .*\n(.*\n)*epoch 1: /m });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stderr).toContain(`stopped and saved. Continue with --resume ${out}\n`);
    renameSync(out, moved);
    const stderr = await finish(moved, '--teacher', 'auto', '--teacher-epochs', '2');
    expect(stderr).not.toContain('training the teacher first');
  });
});

describe('train --teacher FILE', () => {
  test('learns from a run, starts from its weights, and resumes elsewhere', async () => {
    const twin = join(straight, 'teacher');
    const { code, stderr } = await ask([
      ...['train', '--data', data, ...tiny, '--epochs', '1', '--out', other],
      ...['--teacher', twin, '--init', twin, '--distill-weight', '0.5'],
    ]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`starting from the weights of ${join(twin, 'checkpoint.safetensors')}\n`);
    const { run } = checkpointOf(other) as { run: { teacher: object; init: string } };
    expect(run).toMatchObject({
      init: join(twin, 'checkpoint.safetensors'),
      teacher: { file: join(twin, 'model.mobinet.safetensors') },
      training: { distillation: { weight: 0.5, temperature: 4 } },
    });
    const longer = join(folder, 'longer');
    const resumed = await ask(['train', '--resume', other, '--epochs', '2', '--out', longer, '--workers', '1']);
    expect(resumed.code, resumed.stderr).toBe(0);
    const { run: later } = checkpointOf(longer) as { run: object };
    expect(later).toMatchObject({ teacher: run.teacher, init: run.init });
  });

  test('can be moved, but not changed, and mistakes end in one line', async () => {
    const teacher = join(folder, 'teacher.safetensors');
    cpSync(join(straight, 'teacher', 'model.mobinet.safetensors'), teacher);
    const out = join(folder, 'of-file');
    const start = ['train', '--data', data, ...tiny, '--epochs', '1'];
    expect((await ask([...start, '--teacher', teacher, '--out', out])).code).toBe(0);
    const moved = join(folder, 'moved-teacher.safetensors');
    renameSync(teacher, moved);
    const resume = ['train', '--resume', out, '--epochs', '2', '--workers', '1'];
    const twoClasses = copyImages(join(folder, 'two-classes'), { classes: 2 });
    const next = ['--out', join(folder, 'next')];
    const mistakes: [args: string[], message: RegExp][] = [
      [resume, /there is no model at .*teacher\.safetensors.* give its new place with --teacher FILE$/],
      [[...resume, '--teacher', straight], /straight.* is not the network that the run has learned from so far\./],
      [[...resume, '--teacher', 'auto'], /of-file learns from .*teacher\.safetensors\. Leave out --teacher auto$/],
      [[...resume, '--teacher-epochs', '2'], /did not train its teacher itself\. Leave out --teacher-epochs$/],
      [[...resume, '--teacher', moved, '--temperature', '2'], /its distillation is \{"weight":0\.9,"temperature":4\}/],
      [[...resume, '--teacher', moved, '--init', out], /'--init <run>' cannot be used with option '--resume <run>'/],
      [['train', '--resume', straight, '--teacher-epochs', '3'], /its teacher is trained for 2 epochs$/],
      [['train', '--resume', join(straight, 'teacher'), '--teacher', moved], /was started without a teacher/],
      [[...start, ...next, '--temperature', '2'], /^error: --temperature needs --teacher/],
      [[...start, ...next, '--teacher', moved, '--teacher-epochs', '2'], /--teacher-epochs needs --teacher auto/],
      [[...start, ...next, '--teacher', moved, '--distill-weight', '0'], /--distill-weight.*above 0, up to 1/],
      [[...start, ...next, '--teacher', moved, '--temperature', '0'], /--temperature.*from 0\.01 to 1000/],
      [[...start, ...next, '--teacher', join(folder, 'none')], /there is no model at .*none/],
      [[...start, ...next, '--teacher', moved, '--data', twoClasses], /it has 3 classes, but the images have 2$/],
      [[...start, ...next, '--teacher', moved, '--size', '64'], /\[32,32,3\], but those of the run \[64,64,3\]/],
      [[...start, ...next, '--teacher', 'auto', '--precision', 'float'], /a float network itself/],
      [[...start, ...next, '--init', moved], /not a training checkpoint, but a packed model/],
      [[...start, ...next, '--init', straight, '--width', '0.125'], /straight has another architecture: its stem/],
    ];
    for (const [args, message] of mistakes) {
      const { code, stdout, stderr } = await ask(args);
      expect.soft({ code, stdout }, `${args}`).toEqual({ code: 1, stdout: '' });
      expect.soft(stderr, `${args}`).toMatch(/^error: .+\n$/);
      expect.soft(stderr.trim(), `${args}`).toMatch(message);
    }
    expect(existsSync(next[1])).toBe(false);
    const resumed = await ask([...resume, '--teacher', moved]);
    expect(resumed.code, resumed.stderr).toBe(0);
    const { run } = checkpointOf(out) as { run: { teacher: object } };
    expect(run.teacher).toMatchObject({ file: moved });
  });
});
