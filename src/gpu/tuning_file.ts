/**
 * The file in which measured choices are kept for the next run: one for all adapters of a user.
 *
 * Nothing of it is ever asked for: without the permission to read and write it, there is no file. Whatever is wrong with it, is as if
 * it were not there, and is replaced by the next write.
 *
 * @module
 */

import { kernelSources } from "./kernel.ts";

/** A choice as the file has it. */
export interface TuningEntry {
  /** One of the candidates. */
  readonly choice: unknown;
  /** A fingerprint of the candidates that it was chosen among. */
  readonly among: string;
  /** What it took when it was measured. */
  readonly milliseconds?: number;
  /** What the built-in choice took. */
  readonly builtInMilliseconds?: number;
}

/** Where choices hold: measured elsewhere, they say nothing. */
export interface TuningIdentity {
  /** All that the platform tells of the adapter and its driver, and for a software adapter the number of threads. */
  readonly adapter: string;
  /** The platform and its version. */
  readonly runtime: string;
  /** A hash of the WGSL texts of all kernels. */
  readonly kernels: string;
}

interface Section extends TuningIdentity {
  /** When it was written last, in milliseconds since 1970. */
  readonly written: number;
  readonly choices: Record<string, TuningEntry>;
}

/** A format that is not compatible gets another name, so that no version replaces the file of another. */
const FILE_NAME = "tuning-1.json";
/** Sections and choices of a section that are kept, the youngest; and bytes of a file that is looked at. */
const MAX_SECTIONS = 16;
const MAX_CHOICES = 4096;
const MAX_BYTES = 2 ** 24;

/** The choices of one adapter, runtime and version of the kernels, in a file that may hold others'. */
export class TuningFile {
  /** Where it is. */
  readonly path: string;
  readonly #identity: TuningIdentity;

  /** Nothing is read or written yet. */
  constructor(path: string, identity: TuningIdentity) {
    this.path = path;
    this.#identity = identity;
  }

  /** The choices; none if there is no such file, it may not be read, or it is damaged. */
  async read(): Promise<Map<string, TuningEntry>> {
    if (!await isGranted({ name: "read", path: this.path })) return new Map();
    const section = (await this.#sections()).find((each) => this.#isOwn(each));
    return new Map(Object.entries(section?.choices ?? {}));
  }

  /**
   * Adds choices to what the file has now, so that processes that tune at the same time keep each other's; if two write at the
   * same moment, the file is still whole, and holds those of the later one.
   *
   * @returns The path; undefined if the file cannot be written.
   */
  async write(entries: ReadonlyMap<string, TuningEntry>): Promise<string | undefined> {
    return await this.#replace((old) => {
      const merged = Object.entries({ ...old, ...Object.fromEntries(entries) });
      return Object.fromEntries(merged.slice(-MAX_CHOICES));
    });
  }

  /** Removes the choices of this adapter, runtime and version of the kernels. */
  async clear(): Promise<void> {
    await this.#replace(() => ({}));
  }

  /** The sections that make sense. */
  async #sections(): Promise<Section[]> {
    try {
      if ((await Deno.stat(this.path)).size > MAX_BYTES) return [];
      const content: unknown = JSON.parse(await Deno.readTextFile(this.path));
      const list = isObject(content) ? content["sections"] : undefined;
      return Array.isArray(list) ? list.map(parseSection).filter((each) => each !== undefined) : [];
    } catch {
      return []; // no file, or one that is no JSON
    }
  }

  #isOwn({ adapter, runtime, kernels }: Section): boolean {
    const own = this.#identity;
    return adapter === own.adapter && runtime === own.runtime && kernels === own.kernels;
  }

  /** Writes a sibling and renames it, so that whoever reads meanwhile sees the old file or the new one. */
  async #replace(
    change: (old: Record<string, TuningEntry>) => Record<string, TuningEntry>,
  ): Promise<string | undefined> {
    const folder = this.path.replace(/[/\\]?[^/\\]*$/, "") || ".";
    const allowed = await isGranted({ name: "read", path: this.path }) &&
      await isGranted({ name: "write", path: folder });
    if (!allowed) return undefined;
    const sibling = `${folder}/.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.mkdir(folder, { recursive: true });
      const sections = await this.#sections();
      const choices = change(sections.find((each) => this.#isOwn(each))?.choices ?? {});
      const others = sections.filter((each) => !this.#isOwn(each))
        .toSorted((a, b) => b.written - a.written);
      const own = Object.keys(choices).length === 0
        ? []
        : [{ ...this.#identity, written: Date.now(), choices }];
      const kept = [...own, ...others].slice(0, MAX_SECTIONS);
      await Deno.writeTextFile(sibling, `${JSON.stringify({ sections: kept }, null, 1)}\n`, {
        createNew: true,
      });
      await Deno.rename(sibling, this.path);
      return this.path;
    } catch {
      await Deno.remove(sibling).catch(() => {});
      return undefined; // a full disk, a folder that is a file: the choices stay in memory
    }
  }
}

/** What is known of the place where choices are measured. */
export async function tuningIdentity(
  { vendor, architecture, device, description, isFallbackAdapter }: GPUAdapterInfo,
): Promise<TuningIdentity> {
  const threads = isFallbackAdapter ? [`${navigator.hardwareConcurrency} threads`] : [];
  const text = new TextEncoder().encode(kernelSources());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return {
    adapter: [vendor, architecture, device, description, ...threads].join(" | "),
    runtime: typeof Deno === "undefined" ? navigator.userAgent : `Deno ${Deno.version.deno}`,
    kernels: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}

/** The path in the user's cache folder; undefined without a file system, or if the folder's name may not be read. */
export async function defaultTuningPath(): Promise<string | undefined> {
  if (typeof Deno === "undefined") return undefined;
  const variable = async (name: string) =>
    await isGranted({ name: "env", variable: name }) ? Deno.env.get(name) || undefined : undefined;
  const below = async (name: string, folder: string) => {
    const home = await variable(name);
    return home === undefined ? undefined : `${home}/${folder}`;
  };
  const folder = Deno.build.os === "windows"
    ? await variable("LOCALAPPDATA") ?? await below("USERPROFILE", "AppData/Local")
    : await variable("XDG_CACHE_HOME") ??
      await below("HOME", Deno.build.os === "darwin" ? "Library/Caches" : ".cache");
  return folder === undefined ? undefined : `${folder}/strata/${FILE_NAME}`;
}

/** Whether something is permitted already. Nobody is asked. */
async function isGranted(descriptor: Deno.PermissionDescriptor): Promise<boolean> {
  if (typeof Deno === "undefined") return false;
  return (await Deno.permissions.query(descriptor)).state === "granted";
}

/** A section with those of its choices that have the right form. */
function parseSection(value: unknown): Section | undefined {
  if (!isObject(value)) return undefined;
  const { adapter, runtime, kernels, written, choices } = value;
  if (![adapter, runtime, kernels].every((text) => typeof text === "string")) return undefined;
  if (typeof written !== "number" || !isObject(choices)) return undefined;
  const sound = Object.entries(choices).filter(([, entry]) =>
    isObject(entry) && isObject(entry["choice"]) && typeof entry["among"] === "string"
  );
  return { ...value as unknown as Section, choices: Object.fromEntries(sound) as never };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
