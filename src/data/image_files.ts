/**
 * Image files by what they contain, or by their name.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { formatError, writeFileAtomic } from "./files.ts";
import type { Image, ImageSource } from "./image_planes.ts";
import { encodePng, isPng, parsePng } from "./png.ts";
import { encodePpm, isPpm, parsePpm } from "./ppm.ts";

/**
 * Reads a PNG, PPM or PGM file; its content tells which. Shape: [c, h, w].
 *
 * @throws {FormatError} if it is none of them, or malformed.
 */
export async function loadImage(path: string | URL): Promise<Image> {
  const bytes = await Deno.readFile(path);
  const name = String(path);
  if (isPng(bytes)) return await parsePng(bytes, name);
  if (isPpm(bytes)) return parsePpm(bytes, name);
  throw formatError(name, 0, "a PNG, PPM or PGM file", "something else");
}

/**
 * Writes a PNG, PPM or PGM file; its name tells which. The file is replaced only when the new one is complete.
 *
 * @param path Ends in .png, .ppm or .pgm.
 * @param image Bytes, or floats of which 0 … 1 is the whole range. Shape: [c, h, w].
 * @throws {OptionError} if the name ends otherwise; {@linkcode ShapeError} if the file cannot hold such an image.
 */
export async function saveImage(path: string | URL, image: ImageSource): Promise<void> {
  const ending = /\.(png|ppm|pgm)$/i.exec(String(path))?.[1]?.toLowerCase();
  if (ending === undefined) {
    throw new OptionError(
      `saveImage: expected a name that ends in .png, .ppm or .pgm, got "${path}"`,
    );
  }
  await writeFileAtomic(path, ending === "png" ? await encodePng(image) : encodePpm(image));
}
