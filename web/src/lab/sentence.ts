/** What was said in few words, as a sentence. */
export function sentence(text: string): string {
  if (text === '') return ''
  return `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`
}
