const SHOWN_CHARACTERS_MAX = 48;

/** Foreign text for an error message: quoted, escaped, and bounded in length. */
export function quote(text: string): string {
  if (text.length <= SHOWN_CHARACTERS_MAX) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, SHOWN_CHARACTERS_MAX))}… (${text.length} characters)`;
}
