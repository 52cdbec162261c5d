// Numbers, points and texts as SVG writes them.

import type { Point } from './layout.ts'

export const n = (value: number) => String(Math.round(value * 10) / 10)
export const p = ([x, y]: Point) => `${n(x)} ${n(y)}`

/** For text and attributes; characters that XML does not know are left out. */
export function xml(text: string): string {
  return text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '',
    )
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
}
