/**
 * Fetching MNIST once, from the first mirror that has it, into a folder where `loadMnist` finds it.
 *
 * @module
 */

import { StrataError } from "../errors.ts";
import { checkKeys, checkNumber } from "../options.ts";
import { formatError, joinPath, writeFileAtomic } from "./files.ts";
import { gunzip, isGzip } from "./idx.ts";
import { mnistFileNames, readFirst } from "./mnist.ts";

/** How far the download of one file is. */
export interface DownloadProgress {
  /** Name of the file. */
  file: string;
  /** Bytes received so far. */
  received: number;
  /** Bytes to receive in all; `undefined` if the server does not say. */
  total: number | undefined;
}

/** The options of {@linkcode downloadMnist}. */
export interface DownloadOptions {
  /** Called for each part of a file that arrives. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Folders of the web that have the files, tried in order. */
  mirrors?: readonly (string | URL)[];
  /** Stops the download; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Milliseconds without a byte after which a mirror is given up; 30,000 by default. */
  stallTimeout?: number;
}

/** A file to download, and how to know that it is the right one. */
export interface DownloadFile {
  /** Name of the file without `.gz`. */
  name: string;
  /** Length of the unpacked file in bytes. */
  length: number;
  /** SHA-256 of the unpacked file, in lower-case hexadecimal digits. */
  sha256: string;
}

const MIRRORS = [
  "https://storage.googleapis.com/cvdf-datasets/mnist/",
  "https://ossci-datasets.s3.amazonaws.com/mnist/",
];

// The gzipped files differ from mirror to mirror; what they unpack to does not.
const FILES: readonly DownloadFile[] = [
  {
    name: "train-images-idx3-ubyte",
    length: 47_040_016,
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  },
  {
    name: "train-labels-idx1-ubyte",
    length: 60_008,
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  },
  {
    name: "t10k-images-idx3-ubyte",
    length: 7_840_016,
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  },
  {
    name: "t10k-labels-idx1-ubyte",
    length: 10_008,
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
];

/**
 * Downloads the four files of MNIST (11 MB), unless the folder has them already; then the network is not
 * touched. Each file must unpack to bytes of a known SHA-256 and is written in one step, so a file that
 * is there is whole. If a mirror fails, the next one is tried.
 *
 * Needs permission to read and write the folder, and to reach the mirrors.
 *
 * @param folder Where to put the files; made if it is not there.
 * @returns The folder, for {@linkcode loadMnist}.
 * @throws {StrataError} if no mirror has a file, saying for each mirror why not.
 *
 * @example
 * ```ts
 * import { type Dataset, downloadMnist, loadMnist } from "@strata/strata";
 *
 * async function load(): Promise<Dataset> {
 *   const folder = await downloadMnist("data/mnist", {
 *     onProgress: ({ file, received }) => console.log(file, received),
 *   });
 *   return await loadMnist(folder, "train");
 * }
 * ```
 */
export async function downloadMnist(
  folder: string,
  options: DownloadOptions = {},
): Promise<string> {
  await downloadFiles(folder, FILES, options);
  return folder;
}

/**
 * Downloads those of the files that the folder has not: what {@linkcode downloadMnist} does, for any
 * list of files.
 *
 * @throws {StrataError} if no mirror has a file.
 */
export async function downloadFiles(
  folder: string,
  files: readonly DownloadFile[],
  options: DownloadOptions = {},
): Promise<void> {
  checkKeys(options, "download", ["onProgress", "mirrors", "signal", "stallTimeout"]);
  checkNumber(options.stallTimeout ?? 1, "download: stallTimeout", { min: 1 });
  for (const file of files) {
    options.signal?.throwIfAborted();
    const names = mnistFileNames(file.name);
    const cached = await readFirst(folder, names);
    if (cached !== undefined && await isRight(cached.bytes, file)) continue;
    const bytes = await fetchFromMirrors(file, options);
    await Deno.mkdir(folder, { recursive: true });
    await writeFileAtomic(joinPath(folder, names[0]!), bytes);
  }
}

async function isRight(bytes: Uint8Array, file: DownloadFile): Promise<boolean> {
  return await checkContent(bytes, file).then(() => true, () => false);
}

async function fetchFromMirrors(
  file: DownloadFile,
  options: DownloadOptions,
): Promise<Uint8Array> {
  const reasons: string[] = [];
  for (const mirror of options.mirrors ?? MIRRORS) {
    const url = `${joinPath(String(mirror), file.name)}.gz`;
    try {
      const bytes = await fetchBounded(url, file, options);
      await checkContent(bytes, file);
      options.signal?.throwIfAborted();
      return bytes;
    } catch (error) {
      // Whoever stops the download wants no other mirror.
      options.signal?.throwIfAborted();
      reasons.push(`\n  ${url}: ${error instanceof Error ? error.message : error}`);
    }
  }
  throw new StrataError(`Cannot download ${file.name}.gz from any mirror:${reasons.join("")}`);
}

/** Fetches a file, giving up when it is longer than it can be, or when nothing arrives for too long. */
async function fetchBounded(
  url: string,
  file: DownloadFile,
  { onProgress, signal, stallTimeout = 30_000 }: DownloadOptions,
): Promise<Uint8Array> {
  const stall = new AbortController();
  const giveUp = () => stall.abort(new StrataError(`nothing arrived for ${stallTimeout} ms`));
  let timer = setTimeout(giveUp, stallTimeout);
  try {
    const response = await fetch(url, {
      // An encoding on the way would be undone on arrival, and the length would not be that of the file.
      headers: { "accept-encoding": "identity" },
      signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal,
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new StrataError(`status ${response.status} ${response.statusText}`);
    }
    const stated = response.headers.get("content-length");
    const total = stated === null ? undefined : Number(stated);
    // DEFLATE never makes a file much longer than it was.
    const limit = Math.ceil(file.length * 1.001) + 1024;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let received = 0;
    for await (const part of response.body) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, stallTimeout);
      received += part.length;
      if (received > limit) throw new StrataError(`more than ${limit} bytes`);
      parts.push(part);
      onProgress?.({ file: file.name, received, total });
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } finally {
    clearTimeout(timer);
  }
}

/** Throws unless the bytes, gzipped or not, are those of the file. */
async function checkContent(bytes: Uint8Array, file: DownloadFile): Promise<void> {
  // Some servers unpack gzipped files on the way; the loader looks at the content, not at the name.
  const unpacked = isGzip(bytes) ? await gunzip(bytes, file.name, file.length) : bytes;
  const digest = await crypto.subtle.digest("SHA-256", unpacked as Uint8Array<ArrayBuffer>);
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  if (sha256 !== file.sha256) {
    throw formatError(file.name, 0, `bytes with SHA-256 ${file.sha256}`, sha256);
  }
}
