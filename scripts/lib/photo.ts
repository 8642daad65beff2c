import type { Rng } from '@mobinet/tensor';
import type { Image } from 'mobinet';
import { bar, type Shape } from './shapes.js';
import type { Texture } from './textures.js';

/** What a photo shows. */
export interface Subject {
  readonly shape: Shape;
  readonly texture: Texture;
}

/**
 * Draws a photo of 96 to 160 pixels per side: a background that fades from one color to another, sticks behind and in
 * front of the shape, the shape at a random place, angle and size, perhaps cut by the border, and noise. Everything but
 * the subject is drawn at random from the same distributions for all classes, so it tells nothing about the class.
 *
 * The subject takes no draws, so photos of two subjects with the same generator differ in the subject alone.
 */
export function drawPhoto(rng: Rng, { shape, texture }: Subject): Image {
  const width = 96 + rng.integer(65);
  const height = 96 + rng.integer(65);
  const canvas: Canvas = { height, width, pixels: new Float64Array(height * width * 3) };
  const side = Math.min(width, height);

  const background = [drawColor(rng), drawColor(rng)] as const;
  paintBackground(canvas, background, rng);

  const behind = { length: [0.05, 0.35], width: [0.01, 0.03], opacity: [0.4, 0.9] } as const;
  for (let count = rng.integer(8); count > 0; count--) paintStick(canvas, behind, rng);

  const radius = side * between(rng, 0.28, 0.42);
  const margin = 0.9 * radius;
  const center = [between(rng, margin, width - margin), between(rng, margin, height - margin)] as const;
  const first = drawContrasting(rng, background, 0.45);
  const second = drawContrasting(rng, [first], 0.5);
  paint(canvas, {
    shape,
    center,
    radius,
    angle: between(rng, 0, 2 * Math.PI),
    stretch: between(rng, 0.85, 1.18),
    color: (x, y) => (texture(x, y) ? second : first),
    opacity: 1,
  });

  const inFront = { length: [0.1, 0.4], width: [0.008, 0.02], opacity: [0.6, 1] } as const;
  for (let count = rng.integer(3); count > 0; count--) paintStick(canvas, inFront, rng);

  return expose(canvas, rng);
}

/** Red, green and blue in [0, 1]. */
type Color = readonly number[];

/** What is painted on, in row-major order. f64 [height, width, 3], in [0, 1]. */
interface Canvas {
  readonly height: number;
  readonly width: number;
  readonly pixels: Float64Array;
}

type Interval = readonly [low: number, high: number];

const between = (rng: Rng, low: number, high: number): number => low + (high - low) * rng.float();

const drawColor = (rng: Rng): Color => [rng.float(), rng.float(), rng.float()];

/** Draws colors until one has at least this Euclidean distance from all others. */
function drawContrasting(rng: Rng, others: readonly Color[], distance: number): Color {
  for (;;) {
    const [red, green, blue] = drawColor(rng);
    if (others.every(([r, g, b]) => Math.hypot(red - r, green - g, blue - b) >= distance)) return [red, green, blue];
  }
}

/** Fills the canvas with a linear gradient in a random direction, modulated by a product of two waves. */
function paintBackground({ height, width, pixels }: Canvas, [from, to]: readonly [Color, Color], rng: Rng): void {
  const direction = between(rng, 0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(direction), Math.sin(direction)];
  const frequency = between(rng, 0.02, 0.15);
  const phase = between(rng, 0, 6);
  const amplitude = between(rng, 0, 0.25);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const share = (x * cos + y * sin) / (width + height) + 0.5;
      const wave = amplitude * Math.sin(frequency * x + phase) * Math.cos(frequency * 0.7 * y);
      for (let channel = 0; channel < 3; channel++, at++) {
        pixels[at] = from[channel] + (to[channel] - from[channel]) * share + wave;
      }
    }
  }
}

/** How sticks look: their half lengths and half widths as shares of the shorter side, and their opacity. */
interface Sticks {
  readonly length: Interval;
  readonly width: Interval;
  readonly opacity: Interval;
}

/** Paints a stick of a random color, anywhere. */
function paintStick(canvas: Canvas, { length, width, opacity }: Sticks, rng: Rng): void {
  const color = drawColor(rng);
  paint(canvas, {
    shape: bar(between(rng, ...length), between(rng, ...width)),
    center: [between(rng, 0, canvas.width), between(rng, 0, canvas.height)],
    radius: Math.min(canvas.width, canvas.height),
    angle: between(rng, 0, 6.3),
    stretch: 1,
    color: () => color,
    opacity: between(rng, ...opacity),
  });
}

/** A shape in a photo. */
interface Figure {
  readonly shape: Shape;
  /** x and y, in pixels. */
  readonly center: readonly [x: number, y: number];
  /** The number of pixels that the shape's unit of length takes. */
  readonly radius: number;
  /** In radians, clockwise. */
  readonly angle: number;
  /** The shape is this much narrower along its own x-axis, and longer along its y-axis. */
  readonly stretch: number;
  /** The color of a point, in the coordinates of the shape. */
  readonly color: (x: number, y: number) => Color;
  /** 1 hides what is behind the figure. */
  readonly opacity: number;
}

/** Paints a figure over what is there. */
function paint({ height, width, pixels }: Canvas, figure: Figure): void {
  const { shape, center, radius, angle, stretch, color, opacity } = figure;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  // No shape is farther from its center than 1.6 radii.
  const reach = 1.6 * radius * Math.max(stretch, 1 / stretch);
  const [left, top] = center.map((position) => Math.max(0, Math.floor(position - reach)));
  const [right, bottom] = [Math.min(width, center[0] + reach), Math.min(height, center[1] + reach)];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [dx, dy] = [(column - center[0]) / radius, (row - center[1]) / radius];
      // The pixel in the coordinates of the shape: turned back by its angle, then stretched.
      const x = (dx * cos + dy * sin) * stretch;
      const y = (dy * cos - dx * sin) / stretch;
      // The share of the pixel that the figure covers falls from 1 to 0 over the pixel around its edge.
      const alpha = Math.min(1, Math.max(0, 0.5 - shape(x, y) * radius)) * opacity;
      if (alpha === 0) continue;
      const painted = color(x, y);
      const at = (row * width + column) * 3;
      for (let channel = 0; channel < 3; channel++) {
        pixels[at + channel] += alpha * (painted[channel] - pixels[at + channel]);
      }
    }
  }
}

/** Adds noise, and rounds to bytes. */
function expose({ height, width, pixels }: Canvas, rng: Rng): Image {
  const deviation = between(rng, 0.01, 0.05);
  const bytes = Uint8Array.from(pixels, (value) => {
    // A sum of three uniform numbers is nearly normal. Its mean is 3/2 and its variance 3/12, so its deviation is 1/2.
    const noise = (rng.float() + rng.float() + rng.float() - 1.5) * 2;
    return Math.max(0, Math.min(255, Math.round(255 * (value + deviation * noise))));
  });
  return { height, width, pixels: bytes };
}
