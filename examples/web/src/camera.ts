import { drawPixels, type Rgba } from 'mobinet';

/** The side of the square picture, in pixels: more than most networks use. */
const side = 448;

/** The camera, shown in a video element. */
export class Camera {
  #stream: MediaStream | null = null;

  constructor(readonly video: HTMLVideoElement) {}

  get isOn(): boolean {
    return this.#stream !== null;
  }

  /** @throws Error of one line if there is no camera or the page may not use it. */
  async start(): Promise<void> {
    if (!navigator.mediaDevices) throw new Error('Browsers allow the camera only on pages from https or localhost.');
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
      this.video.srcObject = this.#stream;
      await this.video.play();
    } catch (error) {
      this.stop();
      throw new Error(reasons[(error as DOMException).name] ?? `The camera did not start: ${error}`);
    }
  }

  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  /** The center of the current frame, square like the network's input. */
  picture(): Rgba {
    const { videoWidth, videoHeight } = this.video;
    const scale = side / Math.min(videoWidth, videoHeight);
    return squareOf(drawPixels(this.video, Math.round(scale * videoWidth), Math.round(scale * videoHeight)));
  }
}

const reasons: Readonly<Record<string, string>> = {
  NotAllowedError: "This page is not allowed to use the camera. Allow it in the browser's settings for this page.",
  NotFoundError: 'No camera found. Choose an image instead.',
  NotReadableError: 'Another program is using the camera. Close it and try again.',
};

function squareOf({ width, height, data }: Rgba): Rgba {
  const size = Math.min(width, height);
  const [top, left] = [(height - size) >> 1, (width - size) >> 1];
  const square = new Uint8ClampedArray(4 * size * size);
  for (let row = 0; row < size; row++) {
    const from = 4 * ((top + row) * width + left);
    square.set(data.subarray(from, from + 4 * size), 4 * size * row);
  }
  return { width: size, height: size, data: square };
}
