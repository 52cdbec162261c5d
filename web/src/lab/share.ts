// A description in the fragment of a link, packed, so that it is sent to no server: `#d=…`. Whoever made the link is a stranger:
// what comes out is bounded, and is text for the editor and nothing else.

import { deflateSync, Inflate, strFromU8, strToU8 } from 'fflate'
import { MAX_TEXT } from './reading.ts'

const KEY = 'd='
/** Text of the greatest length that deflate made no smaller. */
const MAX_FRAGMENT = 6 * MAX_TEXT

/** The fragment, with its `#`. */
export function fragmentOf(text: string): string {
  const packed = deflateSync(strToU8(text), { level: 9 })
  let binary = ''
  for (const byte of packed) binary += String.fromCharCode(byte)
  return `#${KEY}${btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')}`
}

export type Shared = { readonly text: string } | { readonly fault: string }

/** The text of a fragment; undefined: it is none of ours. */
export function textOf(fragment: string): Shared | undefined {
  const value = fragment.replace(/^#/, '')
  if (!value.startsWith(KEY)) return undefined
  if (value.length > MAX_FRAGMENT) return TOO_LONG
  try {
    const binary = atob(value.slice(KEY.length).replace(/-/g, '+').replace(/_/g, '/'))
    return unpack(Uint8Array.from(binary, (char) => char.charCodeAt(0)))
  } catch {
    return DAMAGED
  }
}

const TOO_LONG = { fault: 'This link holds more text than the lab takes.' } as const
const DAMAGED = { fault: 'This link is damaged: part of it is missing. Ask for it again.' } as const

const STEP = 1024

/** A little at a time: a few bytes can unpack to a great many. */
function unpack(packed: Uint8Array): Shared {
  const parts: Uint8Array[] = []
  let length = 0
  let isWhole = false
  const inflate = new Inflate((part, final) => {
    parts.push(part)
    length += part.length
    isWhole ||= final
  })
  for (let at = 0; at < packed.length && length <= 4 * MAX_TEXT; at += STEP)
    inflate.push(packed.subarray(at, at + STEP), at + STEP >= packed.length)
  if (length > 4 * MAX_TEXT) return TOO_LONG
  if (!isWhole) return DAMAGED
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  const text = strFromU8(bytes)
  return text.length > MAX_TEXT ? TOO_LONG : { text }
}
