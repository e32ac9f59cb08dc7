/**
 * Unpacking with the platform's decompressor, in bounded memory.
 *
 * @module
 */

/** DEFLATE packs at most 258 bytes into two bits, so no stream grows by more than this factor. */
export const MAX_DEFLATE_RATIO = 1032;
/** The decompressor inflates all that one write gives it at once: this bounds its output to 16 MiB. */
const SLICE = 16 * 1024;

/** What {@linkcode inflate} throws where the stream is not what it should be. */
export interface InflateErrors {
  /** The stream is damaged or cut; `message` is the decompressor's. */
  damaged(message: string): Error;
  /** It unpacks to another length. */
  wrongLength(got: string): Error;
}

/**
 * Unpacks a stream whose unpacked length is known, and stops as soon as it yields more.
 *
 * @param format `"deflate"` is zlib's format, with a header and a checksum.
 * @param length Checked by the caller against {@linkcode MAX_DEFLATE_RATIO}, before memory is taken.
 */
export async function inflate(
  bytes: Uint8Array,
  format: "gzip" | "deflate",
  length: number,
  errors: InflateErrors,
): Promise<Uint8Array<ArrayBuffer>> {
  const unpacked = new Uint8Array(length);
  let received = 0;
  const reader = slices(bytes).pipeThrough(new DecompressionStream(format)).getReader();
  while (true) {
    const { done, value } = await reader.read().catch((error) => {
      throw errors.damaged(String(error?.message ?? error));
    });
    if (done) break;
    if (received + value.length > length) {
      await reader.cancel().catch(() => {});
      throw errors.wrongLength("more");
    }
    unpacked.set(value, received);
    received += value.length;
  }
  if (received !== length) throw errors.wrongLength(String(received));
  return unpacked;
}

/** The bytes as a stream of small parts. */
function slices(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let start = 0;
  return new ReadableStream({
    pull(controller): void {
      // The last slice is closed with, not after: an empty file has none.
      if (start < bytes.length) controller.enqueue(bytes.slice(start, start + SLICE));
      start += SLICE;
      if (start >= bytes.length) controller.close();
    },
  });
}
