/**
 * Long computations beside the rest of a program.
 *
 * @module
 */

/** Milliseconds that a computation keeps the event loop waiting. */
const TURN = 100;

/** Lets timers, signals and servers of the program run now and then. */
export class EventLoop {
  #last = performance.now();

  /** To be called often; gives way if the last time was long ago. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#last < TURN) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#last = performance.now();
  }
}
