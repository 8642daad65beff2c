/** The camera, shown in a video element. */
export class Camera {
  #stream: MediaStream | null = null;
  /** Called when the camera ends by itself, for example because it was unplugged. */
  onLost: () => void = () => {};

  constructor(readonly video: HTMLVideoElement) {}

  get isOn(): boolean {
    return this.#stream !== null;
  }

  /** @throws Error of one line if there is no camera or the page may not use it. */
  async start(): Promise<void> {
    if (!navigator.mediaDevices) throw new Error('Browsers allow the camera only on pages from https or localhost.');
    try {
      // More pixels than most networks use, and few enough to read many frames per second.
      const video = { facingMode: 'environment', width: { ideal: 640 }, height: { ideal: 480 } };
      this.#stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
      for (const track of this.#stream.getTracks()) track.addEventListener('ended', () => this.#lose());
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

  /** The pictures of the camera until it stops. A frame is skipped if the previous one is still in use. */
  async *frames(): AsyncGenerator<ImageBitmap> {
    const stream = this.#stream;
    const isOn = (): boolean => stream !== null && this.#stream === stream;
    while (isOn()) {
      const frame = await createImageBitmap(this.video).catch((error) => {
        // A video that has been stopped in the meantime has no frames.
        if (isOn()) throw error;
      });
      if (frame && isOn()) yield frame;
      else frame?.close();
      await new Promise(requestAnimationFrame);
    }
  }

  /** The current frame as an image file. */
  async snapshot(): Promise<Blob> {
    const { videoWidth, videoHeight } = this.video;
    const canvas = new OffscreenCanvas(videoWidth, videoHeight);
    canvas.getContext('2d')!.drawImage(this.video, 0, 0);
    return canvas.convertToBlob();
  }

  #lose(): void {
    this.stop();
    this.onLost();
  }
}

const reasons: Readonly<Record<string, string>> = {
  NotAllowedError: "This page is not allowed to use the camera. Allow it in the browser's settings for this page.",
  NotFoundError: 'No camera found. Choose an image instead.',
  NotReadableError: 'Another program is using the camera. Close it and try again.',
};
