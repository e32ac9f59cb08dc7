/**
 * Finding names that come twice in one object of JSON, which `JSON.parse` silently merges.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * Throws if an object of a JSON text, at any depth, has the same name twice. Names are compared after
 * their escapes are resolved. One pass without recursion, so that no text can exhaust the stack.
 *
 * @param text Valid JSON.
 * @param error Makes the error from the name and the position, in UTF-16 units, where it comes again.
 */
export function checkUniqueKeys(
  text: string,
  error: (key: string, position: number) => Error,
): void {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const start = i;
      i = endOfString(text, start);
      if (!isKey(text, i + 1)) continue;
      const names = open[open.length - 1]!;
      const name = JSON.parse(text.slice(start, i + 1)) as string;
      if (names.has(name)) throw error(name, start);
      names.add(name);
    }
  }
}

/** The position of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}

/** Whether a colon follows, that is, whether the string that ended is a name. */
function isKey(text: string, position: number): boolean {
  let i = position;
  while (text.charCodeAt(i) <= 0x20) i++;
  return text.charCodeAt(i) === COLON;
}
