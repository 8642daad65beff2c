import type { Module } from '@mobinet/autograd';
import type { Rng } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/** A convolution of a network: its filters are [outChannels, taps, taps, channels / groups]. */
export interface Layer {
  readonly channels: number;
  readonly outChannels: number;
  readonly taps: number;
  readonly stride: number;
  readonly groups: number;
}

/** Exercise 1. How many parameters does a convolution have, with its biases? */
export function countParameters(layer: Layer): number {
  return todo('the size of the filters, and a bias for each');
}

/**
 * Exercise 2. How many pixels next to each other does one output of the last layer depend on, along one axis? This is
 * called its receptive field. Taps are next to each other, but after a layer with stride 2, neighbors are two pixels of
 * the image apart, after another such layer four, and so on.
 */
export function receptiveField(layers: readonly Layer[]): number {
  return todo('for each layer, taps − 1 steps, as wide as the strides before it have made them');
}

/**
 * Exercise 3. A network for the digits of this chapter with at most 1,500 parameters, a quarter of what the CNN has,
 * that is still right about 80 % of digits that are three pixels off the center.
 *
 * @returns A network that makes [batch, 10] of [batch, 20, 20, 1].
 */
export function makeSmaller(rng: Rng): Module {
  return todo('a convolution with groups, and one with a kernel of 1, in place of a large one');
}
