import { describe, expect, test } from 'vitest';
import { CommunicationError } from './communication-error.js';
import { alone } from './communicator.js';
import { checkExchanges } from './exchange-laws.test.helper.js';
import { checkMessages } from './message-laws.test.helper.js';

describe('a process alone', () => {
  test('exchanges numbers with itself', () => {
    checkExchanges(alone, 100);
    checkMessages(alone);
  });

  const all = new Float32Array(8);

  test.each<[string, () => void]>([
    [
      'allGather: the buffers of all ranks have 1 × 32 bytes, but the buffer to receive them has 28. Make both fit',
      () => alone.allGather(new Float32Array(8), all.subarray(1)),
    ],
    [
      'gather: rank 0 receives the buffers of all ranks. Pass a buffer for them',
      () => alone.gather(new Float32Array(8), null),
    ],
    [
      'allToAll: 32 bytes are sent, but there is a buffer of 28 bytes to receive them. Make both the same length',
      () => alone.allToAll(new Float32Array(8), all.subarray(1)),
    ],
    [
      'allToAll: the buffers to send and to receive overlap. Copy one of them',
      () => alone.startAllToAll(all.subarray(0, 4), all.subarray(3, 7)),
    ],
    [
      'gather: the buffers to send and to receive overlap. Copy one of them',
      () => alone.gather(all.subarray(3, 7), all.subarray(0, 4)),
    ],
  ])('does not accept buffers that do not fit: %s', (message, call) => {
    expect(call).toThrow(new CommunicationError(message));
  });
});
