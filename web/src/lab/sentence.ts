/** What was said in few words, as a sentence. A name (of a host, an agent) that it begins with stays as it is. */
export function sentence(text: string): string {
  const begun = /^[a-z]+(?=[\s,:;]|$)/.test(text) ? `${text[0]!.toUpperCase()}${text.slice(1)}` : text
  return text === '' || /[.!?…]$/.test(text) ? begun : `${begun}.`
}
