/**
 * Measures the network between two hosts. Without an argument it serves one measurement, and prints `ready`; with the
 * address of a server it measures, and prints a `NetworkReport` as JSON.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface NetworkReport {
  /** The median time of a byte to the server and back, in milliseconds. */
  readonly roundTrip: number;
  /** What the server received, in bits per second. */
  readonly rate: number;
}

const port = 5201;
const roundTrips = 200;
const milliseconds = 1000;

const [address] = process.argv.slice(2);
if (address === undefined) serve();
else console.log(JSON.stringify(await measure(address)));

/** Echoes single bytes. At the end of a longer stream, answers how many bytes it had. */
function serve(): void {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    let received = 0;
    socket.on('data', (data) => {
      received += data.length;
      if (received <= roundTrips) socket.write(data);
    });
    socket.on('end', () => {
      socket.end(String(received));
      server.close();
    });
  });
  server.listen(port, () => console.log('ready'));
}

async function measure(address: string): Promise<NetworkReport> {
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  const times: number[] = [];
  for (let i = 0; i < roundTrips; i++) {
    const start = performance.now();
    socket.write('.');
    await once(socket, 'data');
    times.push(performance.now() - start);
  }
  const roundTrip = times.sort((a, b) => a - b)[roundTrips / 2];
  return { roundTrip, rate: await rateOf(socket) };
}

async function rateOf(socket: Socket): Promise<number> {
  const start = performance.now();
  const data = Buffer.alloc(2 ** 18);
  while (performance.now() - start < milliseconds) {
    if (!socket.write(data)) await once(socket, 'drain');
  }
  socket.end();
  const [received] = await once(socket, 'data');
  return (8000 * (Number(received) - roundTrips)) / (performance.now() - start);
}
